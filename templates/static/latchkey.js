// Everything works without this file. It saves steps: it copies and prints,
// counts waits down, opens "Done" once the keys were kept, sees a slip in a
// recovery key before it is sent, and follows a mail on its way.
"use strict";
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const clock = (s) => Math.floor(s / 60) + ":" + String(s % 60).padStart(2, "0");
  const time = (at) => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

  // An error wants to be read first.
  document.getElementById("error-summary")?.focus();

  // Times in the reader's own zone.
  for (const t of all("time[datetime]")) {
    const at = new Date(t.dateTime);
    const form = /\d:\d/.test(t.textContent) ? { dateStyle: "medium", timeStyle: "short" } : { dateStyle: "long" };
    if (!isNaN(at)) t.textContent = at.toLocaleString([], form);
  }
  const tell = (line) => {
    if (line.dataset.at) line.textContent = line.dataset.words.replace("{at}", time(line.dataset.at));
  };
  all("[data-words]").forEach(tell);

  // One press of a button sends once. A page that comes back from the cache of
  // the back button is alive again.
  for (const form of all("form")) {
    form.addEventListener("submit", (e) => {
      if (form.dataset.sent) return e.preventDefault();
      form.dataset.sent = "yes";
    });
  }
  addEventListener("pageshow", () => all("form").forEach((f) => delete f.dataset.sent));

  // Recovery keys: "Done" opens once they were downloaded, copied or printed,
  // or the box is ticked.
  const box = document.getElementById("saved");
  const done = document.querySelector("[data-done]");
  if (box && done) {
    const open = () => { done.disabled = !box.checked; };
    box.addEventListener("change", open);
    for (const kept of all("[data-kept]")) {
      kept.addEventListener("click", () => { box.checked = true; open(); });
    }
    open();
    addEventListener("pageshow", open);
  }

  for (const button of all("[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    const words = button.textContent;
    button.addEventListener("click", async () => {
      const text = document.getElementById(button.dataset.copy).textContent.trim();
      await navigator.clipboard.writeText(button.dataset.copy === "secret" ? text.replaceAll(" ", "") : text);
      button.textContent = button.dataset.copied;
      setTimeout(() => { button.textContent = words; }, 2000);
    });
  }
  for (const button of all("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }

  // "Send it again" waits with the countdown: asking earlier mails nothing.
  const countDown = (button, left) => {
    const words = button.dataset.once ?? (button.dataset.once = button.textContent);
    clearInterval(button.timer);
    const tick = () => {
      button.disabled = left > 0;
      button.textContent = left > 0 ? button.dataset.again.replace("{wait}", clock(left)) : words;
      if (left-- <= 0) clearInterval(button.timer);
    };
    tick();
    button.timer = setInterval(tick, 1000);
  };
  all("[data-countdown]").forEach((b) => countDown(b, Number(b.dataset.countdown)));

  // A wait that an error names counts down where it stands.
  for (const line of all("[data-wait]")) {
    let left = Number(line.dataset.wait);
    const before = line.textContent;
    const shown = before.match(/\d+(:\d\d)+/);
    if (!shown) continue;
    const timer = setInterval(() => {
      if (--left < 0) return clearInterval(timer);
      line.textContent = before.replace(shown[0], clock(left));
    }, 1000);
  }

  // The check symbol of a recovery key: a weighted sum in the field of 32
  // elements (a root of x^5+x^2+1) that is zero for a true key.
  const symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const slip = (typed) => {
    const key = typed.toUpperCase().replace(/[\s-]/g, "").replaceAll("O", "0").replace(/[IL]/g, "1");
    if (key.length !== 16) return key.length > 16;
    let sum = 0;
    for (const c of key) {
      const value = symbols.indexOf(c);
      if (value < 0) return true;
      sum <<= 1;
      if (sum & 32) sum ^= 0b100101;
      sum ^= value;
    }
    return sum !== 0;
  };
  for (const input of all("[data-key-check]")) {
    const line = document.createElement("p");
    line.className = "hint slip";
    line.setAttribute("role", "status");
    input.after(line);
    input.addEventListener("input", () => { line.textContent = slip(input.value) ? input.dataset.keyCheck : ""; });
  }

  // News of a mail, until there will be no more.
  const delivery = document.querySelector("#delivery[data-poll]");
  if (delivery) {
    let tries = 0;
    const ask = async () => {
      if (++tries > 40) return;
      try {
        const answer = await fetch(delivery.dataset.poll, { headers: { Accept: "application/json" } });
        if (!answer.ok || answer.status === 204) return;
        const news = await answer.json();
        const line = delivery.querySelector("[data-words]");
        if (news.state !== delivery.dataset.state) {
          delivery.dataset.state = news.state;
          line.dataset.words = news.words;
          if (news.at) line.dataset.at = news.at;
          line.textContent = news.words;
          tell(line);
        }
        if (news.state !== "queued") return;
      } catch { /* the next try may do */ }
      setTimeout(ask, Math.min(800 + tries * 200, 5000));
    };
    setTimeout(ask, 700);
  }
})();
