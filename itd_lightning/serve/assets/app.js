"use strict";
// Keys, the closing window of the queue, and copying. Everything else works without this file.

const pageName = document.body.dataset.page;
const keysOnName = "itd-keys";
const rows = [...document.querySelectorAll("tr[data-case]")];

function show(dialog) {
  if (dialog && !dialog.open) dialog.showModal();
}

function currentRow() {
  return document.activeElement.closest("tr[data-case]");
}

function rowLink(row) {
  return row && row.querySelector("a.open");
}

// The case that has the attention after something was done with this one.
function rowAfter(row) {
  const place = rows.indexOf(row);
  return rows[place + 1] || rows[place - 1] || row;
}

function move(step) {
  if (pageName === "case") {
    const link = document.querySelector(step > 0 ? "a[rel=next]" : "a[rel=prev]");
    if (link) link.click();
    return;
  }
  if (!rows.length) return;
  const place = rows.indexOf(currentRow());
  const next = place < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(place + step, 0), rows.length - 1);
  rowLink(rows[next]).focus();
  rows[next].scrollIntoView({ block: "nearest" });
}

function acknowledge() {
  const form = (currentRow() || document).querySelector("form.acknowledge");
  if (form && (currentRow() || pageName === "case")) form.requestSubmit();
}

function openClosing(row) {
  const dialog = document.getElementById("closing");
  const form = dialog.querySelector("form");
  form.reset();
  form.action = `/case/${row.dataset.case}/close`;
  form.elements.then.value = rowAfter(row).dataset.case;
  dialog.querySelector(".number").textContent = row.dataset.case;
  dialog.querySelector(".user").textContent = row.dataset.user;
  show(dialog);
  form.querySelector("[name=verdict]").focus();
}

function close() {
  const row = currentRow();
  if (pageName === "queue" && row) openClosing(row);
  if (pageName === "case") {
    document.getElementById("close").scrollIntoView({ block: "nearest" });
    document.querySelector("#close [name=verdict]").focus();
  }
}

function search() {
  const field = document.querySelector("input[type=search]");
  if (field) {
    field.focus();
    field.select();
  }
}

const actions = {
  j: () => move(1),
  k: () => move(-1),
  a: acknowledge,
  c: close,
  u: () => document.querySelector("a.back")?.click(),
  "/": search,
  "?": () => show(document.getElementById("keys")),
};

function keysAreOn() {
  return localStorage.getItem(keysOnName) !== "off";
}

document.addEventListener("keydown", (event) => {
  const field = event.target.closest("input, textarea, select");
  const typing = field && !["radio", "checkbox"].includes(field.type);
  if (event.key === "Escape" && typing && !event.target.closest("dialog")) event.target.blur();
  if (event.ctrlKey || event.altKey || event.metaKey || typing || document.querySelector("dialog[open]")) return;
  const action = actions[event.key];
  if (!action || !keysAreOn()) return;
  event.preventDefault();
  action();
});

for (const element of document.querySelectorAll(".needs-script")) element.hidden = false;

for (const button of document.querySelectorAll("[data-copy]")) {
  const label = button.textContent;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed here";
    }
    setTimeout(() => (button.textContent = label), 1500);
  });
}

for (const row of rows) {
  row.querySelector("a.close").addEventListener("click", (event) => {
    event.preventDefault();
    openClosing(row);
  });
}

for (const form of document.querySelectorAll("tr form.acknowledge")) {
  form.elements.then.value = rowAfter(form.closest("tr")).dataset.case;
}

// The latest days stand at the right end of the drawing.
for (const box of document.querySelectorAll(".scroll")) box.scrollLeft = box.querySelector(".timeline") ? box.scrollWidth : 0;

// A form is sent once, however often somebody presses the button.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}

document.getElementById("show-keys")?.addEventListener("click", () => show(document.getElementById("keys")));
document.getElementById("hide-keys")?.addEventListener("click", () => document.getElementById("keys").close());
document.querySelector("#closing .cancel")?.addEventListener("click", () => document.getElementById("closing").close());

const keysOn = document.getElementById("keys-on");
if (keysOn) {
  keysOn.checked = keysAreOn();
  keysOn.addEventListener("change", () => localStorage.setItem(keysOnName, keysOn.checked ? "on" : "off"));
}

// Back in the queue, the next case has the focus.
const query = new URLSearchParams(location.search);
if (pageName === "queue" && query.has("done")) {
  const next = document.getElementById(`case-${query.get("then")}`) || rows[0];
  if (next) {
    rowLink(next).focus();
    next.scrollIntoView({ block: "nearest" });
  }
}
