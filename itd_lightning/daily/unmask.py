"""The name behind a pseudonym, for somebody with a reason, which is written down first."""

from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.alerts.pseudonyms import Pseudonyms
from itd_lightning.contracts.errors import InputError
from itd_lightning.daily.deployment import Deployment
from itd_lightning.store.read import Store


def unmask_user(deployment: Deployment, pseudonym: str, case: int, by: str, reason: str) -> str:
    """Return the user behind a pseudonym, after who asks and why is written into the case store.

    Raises:
        InputError: If the deployment has no pseudonyms, the case is another user's, or nobody in the store
            has this pseudonym.
    """
    if deployment.key_file is None:
        raise InputError(f"{deployment.file} has no pseudonyms")
    pseudonyms, store = Pseudonyms.read(deployment.key_file), Store(deployment.store)
    with CaseStore.open(deployment.cases, create=False) as cases:
        cases.log_unmasking(case, pseudonym, by, reason)
    name = pseudonyms.find(pseudonym, store.presence()["user"].unique())
    if name is None:
        raise InputError(f"nobody in {deployment.store} has the pseudonym {pseudonym}: other key, or too old")
    return name
