// Charts from data that a page holds: <div class="chart" role="img" aria-label="…" data-chart="{…}"> with
// {"times": [seconds], "series": [{"label", "values", "kind": "line" | "bars"}], "limits": [{"label", "value"}], "unit": "%"}.
"use strict";
(() => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const drawn = new WeakMap();

  function draw(element) {
    const data = element.dataset.chart;
    const before = drawn.get(element);
    if (before && before.data === data && before.chart.root.isConnected) return;
    const told = JSON.parse(data);
    const palette = ["--accent", "--busy", "--warn", "--bad"].map(colour);
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
    // Runs lie side by side, however long one waited for the next: what is compared is one with the other.
    const places = told.times.map((_, place) => place);
    const [first, last] = [told.times[0], told.times[told.times.length - 1]];
    const shape = last - first > 86400 ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit" };
    const moments = new Intl.DateTimeFormat(undefined, shape);
    const below = { ...axis, incrs: [1, 2, 5], values: (_, ticks) => ticks.map((tick) => (tick in told.times ? moments.format(told.times[tick] * 1000) : "")) };
    const unit = told.unit ? ` ${told.unit}` : "";
    const limits = told.limits || [];
    const series = told.series.map((each, place) => ({
      label: each.label,
      stroke: palette[place % palette.length],
      width: 2,
      points: { show: true, size: 6 },
      ...(each.kind === "bars" ? { paths: uPlot.paths.bars({ size: [0.6, 60] }), fill: palette[place % palette.length], points: { show: false } } : {}),
    }));
    const lines = limits.map((each) => ({ label: each.label, stroke: colour("--bad"), width: 1.5, dash: [6, 4], points: { show: false } }));
    const flat = limits.map((each) => told.times.map(() => each.value));
    element.replaceChildren();
    const chart = new uPlot({
      width: Math.max(element.clientWidth, 240),
      height: told.height || 220,
      cursor: { drag: { x: false, y: false } },
      legend: { live: false },
      series: [{}, ...series, ...lines],
      axes: [below, { ...axis, size: 70, values: (_, ticks) => ticks.map((tick) => `${tick.toLocaleString()}${unit}`) }],
      scales: { x: { time: false, range: (_, low, high) => [low - 0.3, high + 0.3] }, y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.08 : 1] } },
    }, [places, ...told.series.map((each) => each.values), ...flat], element);
    drawn.set(element, { data, chart });
  }

  const drawAll = (root) => root.querySelectorAll("[data-chart]").forEach(draw);
  document.addEventListener("feedmill:shown", (event) => drawAll(event.detail));
  addEventListener("resize", () => document.querySelectorAll("[data-chart]").forEach((element) => {
    drawn.get(element)?.chart.setSize({ width: Math.max(element.clientWidth, 240), height: element.querySelector("canvas")?.clientHeight || 220 });
  }));
})();
