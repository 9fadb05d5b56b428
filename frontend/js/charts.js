// Charts: data from a JSON script, colours from the page's tokens, SVG so that the strict policy holds.
import { BarChart, HeatmapChart, LineChart, PieChart, ScatterChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

echarts.use([BarChart, HeatmapChart, LineChart, PieChart, ScatterChart, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, VisualMapComponent, SVGRenderer]);

const drawn = new Map();

// ECharts parses hex and rgb only; a canvas pixel turns any CSS colour into rgb.
const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
function token(name) {
  const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  pixel.clearRect(0, 0, 1, 1);
  pixel.fillStyle = value || "#888";
  pixel.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = pixel.getImageData(0, 0, 1, 1).data;
  return `rgba(${red},${green},${blue},${(alpha / 255).toFixed(3)})`;
}

function palette(series) {
  return series.map((one, index) => token(one.tone ? `--${one.tone}` : `--chart-${(index % 8) + 1}`));
}

const number = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 2 });
const shown = (value, unit) => (value === null || value === undefined ? "no data" : number.format(value) + (unit ? ` ${unit}` : ""));

// Built as nodes, not as markup: values are untrusted, and inline styles would break the policy.
function tip(spec) {
  return (params) => {
    const box = document.createElement("div");
    box.className = "chart-tip";
    const rows = Array.isArray(params) ? params : [params];
    const title = document.createElement("b");
    title.textContent = rows[0]?.axisValueLabel ?? rows[0]?.name ?? "";
    box.append(title);
    for (const row of rows) {
      const line = document.createElement("div");
      const dot = document.createElement("i");
      dot.style.setProperty("--tip", row.color);
      const raw = Array.isArray(row.value) ? row.value[row.value.length - 1] : row.value;
      line.append(dot, `${row.seriesName && !row.seriesName.startsWith("series") ? row.seriesName + ": " : ""}${shown(raw, spec.unit)}`);
      box.append(line);
    }
    return box;
  };
}

function axes(spec, style) {
  const category = { type: "category", data: spec.labels, axisTick: { show: false }, axisLine: { lineStyle: { color: style.grid } }, axisLabel: { color: style.muted, fontSize: 11, hideOverlap: true } };
  const value = { type: "value", splitLine: { lineStyle: { color: style.grid } }, axisLabel: { color: style.muted, fontSize: 11 }, min: spec.minimum ?? undefined, max: spec.maximum ?? undefined };
  const second = spec.series.some((one) => one.axis === "right");
  const values = second ? [value, { ...value, splitLine: { show: false }, min: undefined, max: undefined }] : value;
  return spec.horizontal ? { xAxis: value, yAxis: { ...category, inverse: true } } : { xAxis: category, yAxis: values };
}

function cartesian(spec, style, type) {
  const series = spec.series.map((one, index) => ({
    name: one.name, type, data: one.values, yAxisIndex: one.axis === "right" ? 1 : 0,
    stack: spec.kind === "stacked" ? "all" : undefined, symbol: "circle", symbolSize: 5, showSymbol: spec.labels.length < 3,
    smooth: 0.25, connectNulls: false, barMaxWidth: 26, itemStyle: type === "bar" && spec.kind !== "stacked" ? { borderRadius: spec.horizontal ? [0, 4, 4, 0] : [4, 4, 0, 0] } : {},
    lineStyle: { width: 2, type: one.dashed ? "dashed" : "solid" }, areaStyle: spec.kind === "area" && index === 0 ? { opacity: 0.1 } : undefined,
  }));
  return { ...axes(spec, style), series, grid: { left: 4, right: 8, top: spec.series.length > 1 ? 34 : 12, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" } };
}

function scatter(spec, style) {
  const value = { type: "value", splitLine: { lineStyle: { color: style.grid } }, axisLabel: { color: style.muted, fontSize: 11 } };
  return { xAxis: value, yAxis: value, grid: { left: 4, right: 8, top: 16, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    series: spec.series.map((one) => ({ name: one.name, type: "scatter", data: one.values, symbolSize: 8 })) };
}

function donut(spec, style) {
  const total = spec.series[0].values.reduce((sum, value) => sum + (value ?? 0), 0);
  return {
    legend: { orient: "vertical", right: 0, top: "middle", icon: "circle", itemWidth: 8, itemHeight: 8, textStyle: { color: style.muted, fontSize: 11.5 } },
    color: spec.labels.map((_, index) => style.colours[index % 8]),
    series: [{ type: "pie", radius: ["56%", "82%"], center: ["34%", "50%"], padAngle: 1.5, itemStyle: { borderRadius: 4 },
      label: { position: "center", formatter: number.format(total), fontSize: 20, fontWeight: 600, color: style.text, fontFamily: style.font },
      // Each part would print the total once more over the others.
      labelLine: { show: false }, data: spec.labels.map((name, index) => ({ name, value: spec.series[0].values[index], label: { show: index === 0 } })) }],
  };
}

function option(spec) {
  const style = { text: token("--foreground"), muted: token("--muted-foreground"), grid: token("--grid"), font: "Inter, sans-serif",
    colours: Array.from({ length: 8 }, (_, index) => token(`--chart-${index + 1}`)) };
  const base = {
    animationDuration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 250,
    textStyle: { fontFamily: style.font }, color: palette(spec.series), aria: { enabled: false },
    tooltip: { trigger: ["donut", "scatter"].includes(spec.kind) ? "item" : "axis", formatter: tip(spec), backgroundColor: token("--popover"), borderColor: token("--border"), textStyle: { color: style.text, fontSize: 12 }, confine: true },
    legend: spec.series.length > 1 ? { top: 0, right: 0, icon: "roundRect", itemWidth: 10, itemHeight: 3, textStyle: { color: style.muted, fontSize: 11.5 } } : undefined,
  };
  const body = spec.kind === "donut" ? donut(spec, style) : spec.kind === "scatter" ? scatter(spec, style) : cartesian(spec, style, ["bar", "stacked"].includes(spec.kind) ? "bar" : "line");
  return { ...base, ...body };
}

function draw(box) {
  const spec = JSON.parse(document.getElementById(box.dataset.chart).textContent);
  const canvas = box.querySelector(".chart-canvas");
  const old = drawn.get(canvas);
  const chart = old ?? echarts.init(canvas, null, { renderer: "svg" });
  chart.setOption(option(spec), true);
  if (old) return;
  drawn.set(canvas, chart);
  new ResizeObserver(() => chart.resize()).observe(canvas);
  if (spec.links) chart.on("click", (event) => { const link = spec.links[event.dataIndex]; if (link?.startsWith("/")) location.assign(link); });
}

function save(name, url) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

async function download(box, kind) {
  const svg = box.querySelector("svg").cloneNode(true);
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const { width, height } = box.querySelector(".chart-canvas").getBoundingClientRect();
  const name = `${box.dataset.name || "chart"}.${kind}`;
  const source = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(svg))}`;
  if (kind === "svg") return save(name, source);
  const image = new Image();
  image.src = source;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = width * 2;
  canvas.height = height * 2;
  const context = canvas.getContext("2d");
  context.fillStyle = token("--card");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return save(name, canvas.toDataURL("image/png"));
}

export function drawAll(root) {
  for (const [canvas, chart] of drawn) if (!canvas.isConnected) { chart.dispose(); drawn.delete(canvas); }
  for (const box of root.querySelectorAll("[data-chart]")) draw(box);
}

document.addEventListener("caiso:theme", () => drawAll(document));
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-chart-save]");
  if (button) download(button.closest("[data-chart]"), button.dataset.chartSave);
});
