"use strict";
// Draws each plot into its element; sizes come from the style sheet.
const onPaper = window.matchMedia("print");
for (const [place, figure] of JSON.parse(document.getElementById("figures").textContent).entries()) {
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
