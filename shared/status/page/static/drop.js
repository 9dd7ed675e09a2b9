/* What the page for dropping files does beyond its form: files can be dragged onto it, and go straight to storage in
   blocks, so that a large one arrives and a broken line costs one block. Where storage cannot be reached from the browser,
   the form itself is sent, as it is without scripts. */

"use strict";

const BLOCKS_TRIED = 5; // how often a block is sent before a person is asked
const LONGEST_WAIT = 16_000;
const GONE = 403; // the hour of an address is over, or storage refuses this network

class StorageUnreachable extends Error {}
class Interrupted extends Error {}

function inWords(bytes) {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  let amount = bytes;
  let unit = 0;
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${unit ? amount.toFixed(1) : amount} ${units[unit]}`;
}

function pause(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
    addEventListener("online", resolve, { once: true });
  });
}

/* The id of a block: all ids of a blob have the same length. */
function blockId(number) {
  return btoa(String(number).padStart(6, "0"));
}

function blockList(blocks) {
  const latest = Array.from({ length: blocks }, (_, number) => `<Latest>${blockId(number)}</Latest>`);
  return `<?xml version="1.0" encoding="utf-8"?><BlockList>${latest.join("")}</BlockList>`;
}

/* The files of one form on their way to storage; `upload` may be called again and continues where it stopped. */
class Upload {
  constructor(files, begun, show) {
    this.files = files;
    this.begun = begun;
    this.show = show;
    this.total = files.reduce((sum, file) => sum + file.size, 0);
    this.done = 0;
    this.file = 0;
    this.block = 0;
  }

  async run() {
    for (; this.file < this.files.length; this.file += 1, this.block = 0) {
      const file = this.files[this.file];
      const { address } = this.begun.files[this.file];
      const size = this.begun.block_bytes;
      const blocks = Math.ceil(file.size / size);
      for (; this.block < blocks; this.block += 1) {
        this.show(file, this.done, this.total);
        const piece = file.slice(this.block * size, (this.block + 1) * size);
        await this.put(`${address}&comp=block&blockid=${encodeURIComponent(blockId(this.block))}`, piece);
        this.done += piece.size;
      }
      await this.put(`${address}&comp=blocklist`, blockList(blocks));
    }
    this.show(this.files.at(-1), this.total, this.total);
  }

  async put(address, body) {
    const isFirst = this.done === 0;
    for (let tried = 1; ; tried += 1) {
      let status = 0;
      try {
        const answer = await fetch(address, { method: "PUT", body, mode: "cors", credentials: "omit", referrerPolicy: "no-referrer" });
        if (answer.ok) return;
        status = answer.status;
      } catch {
        status = 0; // no answer: the line is broken, or storage does not allow this page
      }
      if (isFirst && (status === GONE || (tried > 1 && navigator.onLine))) throw new StorageUnreachable();
      if (status === GONE) throw new Interrupted("The hour for this upload is over. Choose the files again.");
      if (tried >= BLOCKS_TRIED) throw new Interrupted("");
      await pause(Math.min(1000 * 2 ** (tried - 1), LONGEST_WAIT));
    }
  }
}

async function begin(form, files) {
  const answer = await fetch(form.dataset.uploads, {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/json" },
    redirect: "manual",
    body: JSON.stringify({
      customer: form.elements.customer.value,
      batch: form.elements.batch.value,
      order: form.elements.order?.value ?? "",
      files: files.map((file) => ({ name: file.name.toWellFormed?.() ?? file.name, size: file.size })),
    }),
  });
  if (answer.type === "opaqueredirect") throw new Error("You are no longer signed in. Load this page again.");
  if (answer.status === 503) throw new StorageUnreachable();
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.message);
  return said;
}

function enhance(form) {
  const input = form.elements.files;
  const progress = document.getElementById("progress");
  const text = document.getElementById("progress-text");
  const bar = document.getElementById("progress-bar");
  const resume = document.getElementById("resume");
  const button = form.querySelector("button[type=submit]");
  const largestForm = Number(form.dataset.largestForm);
  let upload = null;

  for (const hint of form.querySelectorAll(".on-drop")) hint.hidden = false;

  const say = (words, isFault = false) => {
    progress.hidden = false;
    for (const name of ["notice", "failed"]) progress.classList.toggle(name, isFault);
    text.textContent = words;
  };

  const show = (file, done, total) => {
    bar.hidden = false;
    bar.value = total ? done / total : 1;
    say(`Uploading ${file.name}: ${inWords(done)} of ${inWords(total)}`);
  };

  const stop = (words) => {
    button.disabled = false;
    bar.hidden = true;
    say(words, true);
  };

  const byForm = (files) => {
    const total = files.reduce((sum, file) => sum + file.size, 0);
    if (total <= largestForm) {
      say("Storage cannot be reached from this browser, so the files go through the app.");
      form.submit();
      return;
    }
    stop(
      `Storage cannot be reached from this browser: it is private, or something on the way refuses it. The form takes files up to ${inWords(largestForm)} together, and these have ${inWords(total)}. Drop them with “python -m local drop” or a storage client inside of the network.`,
    );
  };

  const run = async (files) => {
    resume.hidden = true;
    button.disabled = true;
    try {
      await upload.run();
      location.assign(upload.begun.page);
    } catch (error) {
      if (error instanceof StorageUnreachable) {
        byForm(files);
      } else if (error instanceof Interrupted && !error.message) {
        stop("The line broke. What has arrived is kept: continue when you are connected again.");
        button.disabled = true;
        resume.hidden = false;
        resume.focus();
      } else {
        stop(error.message);
      }
    }
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const files = [...input.files];
    button.disabled = true;
    say("Asking for a place in storage…");
    try {
      upload = new Upload(files, await begin(form, files), show);
    } catch (error) {
      if (error instanceof StorageUnreachable) byForm(files);
      else stop(error instanceof TypeError ? "The app does not answer. Try again in a moment." : error.message);
      return;
    }
    await run(files);
  });

  resume.addEventListener("click", () => run([...input.files]));

  input.addEventListener("change", () => {
    const items = [...input.files].map((file) => {
      const item = document.createElement("li");
      const name = document.createElement("bdi");
      name.textContent = file.name;
      item.append(name, ` (${inWords(file.size)})`);
      return item;
    });
    document.getElementById("chosen").replaceChildren(...items);
    resume.hidden = true;
    stop("");
    progress.hidden = true;
  });

  for (const kind of ["dragenter", "dragover"]) {
    form.addEventListener(kind, (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      form.classList.add("is-over");
    });
  }
  for (const kind of ["dragleave", "drop"]) form.addEventListener(kind, () => form.classList.remove("is-over"));
  form.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change"));
  });
}

/* Offers the batches of the customer that is filled in; those of all as long as there is none, or it has no batch yet. */
function offerBatches(form) {
  const list = document.getElementById("batches");
  const all = [...list.options];
  const offer = () => {
    const customer = form.elements.customer.value.trim().toLowerCase();
    const own = all.filter((option) => option.dataset.customer.toLowerCase() === customer);
    list.replaceChildren(...(own.length ? own : all));
  };
  form.elements.customer.addEventListener("input", offer);
  offer();
}

const dropForm = document.getElementById("drop");
enhance(dropForm);
offerBatches(dropForm);
