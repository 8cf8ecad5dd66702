// The page works without this script: the form is sent and the server answers with a page. With it the answer comes
// into the page that is open, the address follows, and a screen reader hears what was found. The server's HTML is the
// only source of markup, and it has every text escaped.
const form = document.getElementById("search");
const query = document.getElementById("q");
const strength = document.getElementById("strength");
const status = document.getElementById("status");
let running = null;

function show(address, keep) {
  running?.abort();
  running = new AbortController();
  const mine = running;
  const results = document.getElementById("results");
  results.classList.add("busy");
  results.setAttribute("aria-busy", "true");
  status.textContent = "Searching …";
  return fetch(address, { signal: mine.signal, credentials: "omit" })
    .then((answer) => answer.text().then((text) => [answer, text]))
    .then(([answer, text]) => {
      const page = new DOMParser().parseFromString(text, "text/html");
      const fresh = page.getElementById("results");
      if (!fresh) throw new Error(text.slice(0, 200));
      if (keep) history.pushState(null, "", address);
      document.title = page.title;
      results.replaceWith(document.adoptNode(fresh));
      // An error is an alert by itself; everything else is said here.
      const summary = fresh.querySelector("[data-announce]");
      status.textContent = summary?.textContent ?? "";
      summary?.remove();
    })
    .catch((error) => {
      if (mine.signal.aborted) return;
      const line = document.createElement("p");
      line.className = "error";
      line.setAttribute("role", "alert");
      line.textContent = error instanceof TypeError ? "The server does not answer. Is `babelmix serve` running?" : error.message;
      results.replaceChildren(line);
      results.classList.remove("busy");
      results.removeAttribute("aria-busy");
      status.textContent = "";
    });
}

function asked() {
  return "/?" + new URLSearchParams(new FormData(form)).toString();
}

function fill(address) {
  const fields = new URL(address).searchParams;
  query.value = fields.get("q") ?? "";
  strength.value = fields.get("strength") ?? strength.dataset.default;
  form.elements.equal.checked = Boolean(fields.get("equal"));
  for (const box of form.querySelectorAll("input[name=lang]")) box.checked = fields.getAll("lang").includes(box.value);
  document.getElementById("shown").textContent = strength.value;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (query.value.trim()) show(asked(), true);
});
strength.addEventListener("input", () => { document.getElementById("shown").textContent = strength.value; });
form.addEventListener("change", (event) => {
  if (event.target.id === "example") {
    if (!event.target.value) return;
    query.value = event.target.value;
  } else if (event.target === query) {
    return;
  }
  if (query.value.trim()) show(asked(), true);
});
window.addEventListener("popstate", () => {
  fill(location.href);
  show(location.href, false);
});
document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLElement && event.target.matches("input:not([type=checkbox], [type=range]), select, textarea");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    query.focus();
    query.select();
  }
});
