"use strict";
// Unpacks Plotly, then draws each plot into its element; sizes come from the style sheet.
const onPaper = window.matchMedia("print");
// Ink, grey, grid, paper and campaign of a light page, each beside what a dark one has for it.
const dark = { "#1a1a1a": "#e8e6e3", "#767676": "#a8a6a2", "#e8e8e8": "#33363b", white: "#16181c", "#F5D9C8": "#5a3a28" };
const isDark = window.matchMedia("(prefers-color-scheme: dark)").matches && !onPaper.matches;
const recoloured = (key, value) => (isDark && /color$/.test(key) && Object.hasOwn(dark, value) ? dark[value] : value);

function drawAll() {
  for (const [place, figure] of JSON.parse(document.getElementById("figures").textContent, recoloured).entries()) {
    const element = document.getElementById("plot-" + place);
    // Lets the style sheet shrink a drawing with its column; on paper it is shrunk as it is, not drawn anew.
    const scalable = () => {
      for (const drawing of element.querySelectorAll("svg.main-svg")) {
        drawing.setAttribute("viewBox", `0 0 ${drawing.getAttribute("width")} ${drawing.getAttribute("height")}`);
      }
    };
    Plotly.newPlot(element, figure.data, figure.layout, { displayModeBar: false }).then(() => {
      element.on("plotly_afterplot", scalable);
      scalable();
      window.addEventListener("resize", () => onPaper.matches || Plotly.Plots.resize(element));
    });
  }
}

const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), (sign) => sign.charCodeAt(0));
new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text().then((text) => {
  const script = document.createElement("script");
  script.textContent = text;
  document.head.append(script);
  drawAll();
});
