"""What a place may be: a path, never a URL."""

import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.places import refuse_urls, refuse_urls_within

URLS = [
    "http://127.0.0.1:9/x",
    "HTTPS://host/x",
    "github://owner:repository@main/x.yaml",
    "simplecache::http://127.0.0.1:9/x",
    "s3://bucket/x",
    "file:///etc/passwd",
    "registry:owner/model",
]


@pytest.mark.parametrize("url", URLS)
def test_a_url_is_refused_wherever_it_stands(url: str) -> None:
    for words in (["evaluate", url], ["fit", f"--config={url}"], ["test", "--ckpt_path", url]):
        with pytest.raises(InputError, match="is a URL, and nothing is fetched"):
            refuse_urls(words)
    with pytest.raises(InputError, match="is a URL"):
        refuse_urls_within({"data": {"init_args": [{"store": url}]}})


def test_paths_texts_and_the_server_of_a_logger_pass() -> None:
    refuse_urls(["fit", "-c", "a/b.yaml", "--data.store=C:/x", "--model.x", "[a, b: c]"])
    refuse_urls(["fit", "--trainer.logger=MLFlowLogger", "--trainer.logger.tracking_uri", "http://localhost"])
    refuse_urls(["fit", "--trainer.logger.tracking_uri=http://localhost"])
    refuse_urls_within({"trainer": {"precision": "32-true", "max_epochs": None}})


def test_a_url_anywhere_in_a_config_is_refused_but_for_a_loggers_server() -> None:
    callbacks = [{"class_path": "ModelCheckpoint", "init_args": {"dirpath": "http://127.0.0.1/x"}}]
    with pytest.raises(InputError, match="is a URL"):
        refuse_urls_within({"trainer": {"callbacks": callbacks}})
    refuse_urls_within({"trainer": {"logger": {"init_args": {"base_url": "https://wandb.example"}}}})
