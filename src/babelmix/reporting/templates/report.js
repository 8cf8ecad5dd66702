"use strict";
const style = getComputedStyle(document.documentElement);
const colour = (name) => style.getPropertyValue(name).trim();
const colours = (name, length) => Array.from({ length }, (_, place) => colour(`--${name}-${place + 1}`));
const dark = matchMedia("(prefers-color-scheme: dark)");

function config() {
  const ink = colour("--ink"), faint = colour("--faint"), line = colour("--line");
  const text = { labelColor: ink, titleColor: ink, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" };
  return {
    background: "transparent",
    font: "system-ui, 'Noto Sans', sans-serif",
    view: { stroke: null },
    axis: { ...text, gridColor: line, domainColor: faint, tickColor: faint },
    legend: { ...text, symbolSize: 100 },
    range: {
      category: colours("series", 6),
      diverging: colours("diverging", 5),
      symbol: ["circle", "diamond", "square", "triangle-up", "cross", "triangle-down"],
    },
  };
}

function draw() {
  for (const data of document.querySelectorAll("script[data-chart]")) {
    const place = document.getElementById(data.dataset.chart);
    vegaEmbed(place, JSON.parse(data.textContent), { actions: false, ast: true, renderer: "svg", config: config() })
      .then(() => place.classList.add("drawn"));
  }
}

// The answer to "what reaches .24?": the first row that does, of the forms that the reader allows.
function find(finder) {
  const rows = [...finder.querySelectorAll("tbody tr")];
  const wish = finder.querySelector("input"), index = finder.querySelector("select");
  const output = finder.querySelector("output");
  const reached = rows.map((row) => Number(row.dataset.reached));
  wish.min = Math.floor(100 * Math.min(...reached)) / 100;
  wish.max = Math.floor(100 * Math.max(...reached)) / 100;
  const choose = () => {
    const chosen = rows.find((row) => row.dataset.index === index.value && row.dataset.reached >= Number(wish.value));
    for (const row of rows) row.classList.toggle("chosen", row === chosen);
    const wanted = Number(wish.value).toFixed(2);
    wish.setAttribute("aria-valuetext", wanted);
    output.textContent = `${wanted}: ${chosen ? chosen.dataset.sentence : "no recipe in such a form reaches it"}`;
  };
  wish.addEventListener("input", choose);
  index.addEventListener("change", choose);
  finder.querySelector(".controls").hidden = false;
  choose();
}

draw();
dark.addEventListener("change", draw);
document.querySelectorAll(".finder").forEach(find);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => (part.open = true)));
