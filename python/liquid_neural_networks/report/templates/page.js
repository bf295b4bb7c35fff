"use strict";
const shown = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const colours = ["--c0", "--c1", "--c2", "--c3", "--c4", "--c5"];
const dashes = ["", "7 3", "2 3", "9 3 2 3", "5 2", "1 4"];
const short = (x) => (x === null || x === undefined) ? "unknown" : String(Number(x.toPrecision(3)));

// -- elements ---------------------------------------------------------------------------------

function html(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function table(caption, heads, rows, best) {
  const body = rows.map((row, k) => {
    const cells = row.map((cell, c) => typeof cell === "number" || cell === null
      ? html("td", { class: "number" }, short(cell))
      : html(c ? "td" : "th", c ? {} : { scope: "row" }, cell));
    return html("tr", best && best[k] ? { class: "best" } : {}, ...cells);
  });
  const numeric = (c) => rows.length && typeof rows[0][c] === "number" ? { class: "number" } : {};
  const head = heads.map((name, c) => html("th", { scope: "col", ...numeric(c) }, name));
  return html("table", {}, html("caption", {}, caption),
    html("thead", {}, html("tr", {}, ...head)), html("tbody", {}, ...body));
}

// -- line charts ------------------------------------------------------------------------------

/** Round numbers between two limits: 1, 2 or 5 times a power of ten apart. */
function ticks(low, high, count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= raw);
  const found = [];
  for (let t = Math.ceil(low / step) * step; t <= high + step * 1e-9; t += step) found.push(t);
  return found;
}

function logTicks(low, high) {
  const found = [], factors = high - low < 2.5 ? [1, 2, 5] : [1];
  for (let p = Math.floor(low); p <= high; p++) {
    for (const k of factors) {
      const t = p + Math.log10(k);
      if (t >= low && t <= high) found.push(t);
    }
  }
  return found.length > 2 ? found : ticks(10 ** low, 10 ** high, 4).filter((t) => t > 0).map(Math.log10);
}

/**
 * Lines over time: {name, values, colour, width, dots} and bands {name, low, high, colour}.
 * Returns what moves its cursor to a row.
 */
function chart(place, { times, lines, bands = [], label, log = false, describe, width = place.clientWidth > 600 ? 900 : 440, height = 260 }) {
  const left = 62, right = 8, top = 10, bottom = 40;
  const scaled = (x) => (log ? Math.log10(x) : x);
  const all = [...lines.flatMap((l) => l.values), ...bands.flatMap((b) => [...b.low, ...b.high])]
    .filter((x) => x !== null && (!log || x > 0)).map(scaled);
  let low = Infinity, high = -Infinity;
  for (const value of all) { low = Math.min(low, value); high = Math.max(high, value); }
  if (!(high >= low)) return () => {};
  if (high - low < 1e-9) { low -= 0.5; high += 0.5; }
  const last = Math.max(times.length - 1, 1);
  const x = (t) => left + (width - left - right) * t / last;
  const y = (v) => top + (height - top - bottom) * (1 - (scaled(v) - low) / (high - low));
  const parts = [];
  for (const t of log ? logTicks(low, high) : ticks(low, high, 5)) {
    const value = log ? 10 ** t : t, at = y(value);
    parts.push(svg("line", { class: "grid", x1: left, x2: width - right, y1: at, y2: at }));
    parts.push(svg("text", { x: left - 6, y: at + 4, "text-anchor": "end" }, short(value)));
  }
  for (const b of bands) {
    const there = b.low.map((v, t) => [v, b.high[t], t]).filter((p) => p[0] !== null);
    const path = [...there.map(([, v, t]) => `${x(t).toFixed(1)},${y(v).toFixed(1)}`),
      ...there.reverse().map(([v, , t]) => `${x(t).toFixed(1)},${y(v).toFixed(1)}`)].join(" ");
    parts.push(svg("polygon", { points: path, style: `fill: var(${b.colour})`, opacity: 0.22 }));
  }
  for (const each of lines) {
    if (each.dots) {
      each.values.forEach((v, t) => {
        if (v !== null) parts.push(svg("circle", { cx: x(t).toFixed(1), cy: y(v).toFixed(1), r: 2, style: "fill: var(--text)" }));
      });
      continue;
    }
    let path = "", pen = false;
    each.values.forEach((v, t) => {
      if (v === null || (log && v <= 0)) { pen = false; return; }
      path += `${pen ? "L" : "M"}${x(t).toFixed(1)} ${y(v).toFixed(1)}`; pen = true;
    });
    parts.push(svg("path", { d: path, fill: "none", style: `stroke: var(${each.colour})`,
      "stroke-width": each.width || 1.5, "stroke-dasharray": each.dash || "" }));
  }
  const middle = Math.floor(last / 2);
  const dated = width > 600 ? [[0, "start"], [middle, "middle"], [times.length - 1, "end"]] : [[0, "start"], [times.length - 1, "end"]];
  dated.forEach(([t, anchor], k, list) => {
    if (k && list[k - 1][0] === t) return;
    parts.push(svg("text", { x: x(t), y: height - bottom + 18, "text-anchor": anchor }, times[t]));
  });
  parts.push(svg("text", { x: left, y: height - 4 }, label));
  const cursor = svg("line", { class: "cursor", y1: top, y2: height - bottom, visibility: "hidden" });
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": describe }, ...parts, cursor);
  const entry = (name, mark) => html("li", {}, svg("svg", { viewBox: "0 0 32 10", "aria-hidden": "true" }, mark), name);
  const legend = [
    ...lines.filter((l) => l.name).map((l) => entry(l.name, l.dots
      ? svg("circle", { cx: 16, cy: 5, r: 3, style: "fill: var(--text)" })
      : svg("line", { x1: 0, x2: 32, y1: 5, y2: 5, style: `stroke: var(${l.colour})`, "stroke-width": 2.5, "stroke-dasharray": l.dash || "" }))),
    ...bands.map((b) => entry(b.name, svg("rect", { width: 32, height: 10, opacity: 0.3, style: `fill: var(${b.colour})` }))),
  ];
  place.replaceChildren(html("ul", { class: "legend" }, ...legend), picture);
  return (t) => {
    const inside = t >= 0 && t < times.length;
    cursor.setAttribute("visibility", inside ? "visible" : "hidden");
    if (inside) { cursor.setAttribute("x1", x(t)); cursor.setAttribute("x2", x(t)); }
  };
}

// -- maps of rows and columns -------------------------------------------------------------------

function rgb(variable) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(variable).trim();
  return [1, 3, 5].map((k) => parseInt(text.slice(k, k + 2), 16));
}

/** Blue above, orange below zero: the colour of a number of at most 1. */
function shade(value) {
  const [zero, end] = [rgb("--zero"), rgb(value >= 0 ? "--up" : "--down")];
  const share = Math.min(Math.abs(value), 1);
  return zero.map((c, k) => Math.round(c + share * (end[k] - c)));
}

/** A row of colours for each name. Returns what moves its cursor. */
function map(place, { names, values, times, describe, high, choose }) {
  const columns = times.length, most = Math.max(...values.flat().map((v) => Math.abs(v || 0)), 1e-12);
  const canvas = html("canvas", { width: columns, height: names.length, role: "img", "aria-label": describe });
  canvas.style.height = `${high}px`;
  const paint = () => {
    const g = canvas.getContext("2d"), image = g.createImageData(columns, names.length);
    const shades = Array.from({ length: 201 }, (_, k) => shade((k - 100) / 100));
    values.forEach((row, r) => row.forEach((v, c) => {
      const colour = shades[Math.round(100 * Math.max(-1, Math.min(1, (v || 0) / most))) + 100];
      image.data.set([...colour, 255], 4 * (r * columns + c));
    }));
    g.putImageData(image, 0, 0);
  };
  paint();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  const bar = html("div", { class: "bar", hidden: "" });
  const frame = html("div", { class: "frame" }, canvas, bar);
  const labels = html("div", { class: "names", "aria-hidden": "true" });
  const each = Math.max(1, Math.ceil(names.length * 14 / high));
  labels.append(...names.filter((_, k) => k % each === 0).map((n) => html("span", { title: n }, n)));
  const ends = html("div", { class: "ends" }, html("span", {}, times[0]), html("span", {}, times[columns - 1]));
  const range = html("p", { class: "note" }, `Blue: up to +${short(most)}; orange: down to -${short(most)}.`);
  place.replaceChildren(html("div", { class: "map" }, labels, frame, ends), range);
  if (choose) {
    canvas.style.cursor = "pointer";
    canvas.addEventListener("click", (event) => {
      const box = canvas.getBoundingClientRect();
      const at = (part, size, count) => Math.min(Math.floor(part / size * count), count - 1);
      choose(at(event.clientY - box.top, box.height, names.length), at(event.clientX - box.left, box.width, columns));
    });
  }
  return (t) => {
    bar.hidden = !(t >= 0 && t < columns);
    bar.style.left = `calc(${100 * (t + 0.5) / columns}% - 1px)`;
  };
}

// -- what the page says -------------------------------------------------------------------------

function tell() {
  const sections = [...document.querySelectorAll("main section")];
  const hidden = { quality: !shown.quality, lesions: !shown.lesions, fixed: !shown.fixed, why: !shown.attribution, distrust: !shown.distrust.length };
  sections.forEach((each) => { each.hidden = Boolean(hidden[each.id]); });
  byId("sections").append(...sections.filter((s) => !s.hidden).map((s) =>
    html("li", {}, html("a", { href: `#${s.id}` }, s.querySelector("h2").textContent))));
  byId("shows").textContent = shown.shows;
  byId("distrust-list").append(...shown.distrust.map((each) => html("li", {}, each)));
  byId("about-table").append(table("Options, sizes and parameters", ["what", "is"], shown.about));
  if (shown.quality) {
    const { measure, rows, verdict, count } = shown.quality;
    byId("verdict").textContent = `The network is ${verdict}.`;
    const note = `${measure} on this table${count ? `, ${count} forecast${count === 1 ? "" : "s"}` : ""}; the best is bold`;
    byId("quality-table").append(table(note, ["forecast", measure], rows.map((r) => r.slice(0, 2)), rows.map((r) => r[2])));
  }
  if (shown.fixed) {
    byId("fixed-note").textContent = shown.fixed.note;
    if (shown.fixed.rows.length) byId("fixed-table").append(table(shown.fixed.caption, shown.fixed.heads, shown.fixed.rows));
  }
}

function forecast() {
  const f = shown.forecast;
  const lines = f.lines.map(([name, values], k) => ({ name, values, colour: colours[k % 6], dash: dashes[k % 6] }));
  if (f.actual) lines.push({ name: "what came true", values: f.actual, dots: true });
  const bands = f.band ? [{ name: f.band[0], low: f.band[1], high: f.band[2], colour: "--c0" }] : [];
  const describe = `${f.label}, ${f.times.length} rows from ${f.times[0]} to ${f.times[f.times.length - 1]}`;
  const move = chart(byId("forecast-chart"), { times: f.times, lines, bands, label: f.label, describe });
  const note = html("p", { class: "note" });
  byId("forecast-chart").append(note);
  const offset = f.times.length - shown.activity.times.length;
  return (t) => {
    move(t + offset);
    const at = t + offset;
    const told = f.lines.map(([name, values]) => `${name} ${short(values[at])}`).join(", ");
    const truth = f.truth ? f.truth[at] : f.actual ? short(f.actual[at]) : null;
    note.textContent = at < 0 ? "" : `At ${f.times[at]}: ${told}${truth === null ? "" : `; true: ${truth}`}.`;
  };
}

function why() {
  const a = shown.attribution;
  if (!a) return () => {};
  byId("why-words").textContent = `${a.words} The difference, ${short(a.total - a.before)}, `
    + `is the sum of the parts below, each in ${a.unit.replace(/^in /, "")}; they add up to within ${a.error}.`;
  const first = a.first, sums = a.inputs.map((row) => row.reduce((s, v) => s + v, 0));
  const move = map(byId("why-map"), { names: shown.names, values: a.inputs.map((row) => row.slice(first)), times: a.times.slice(first),
    high: Math.max(60, Math.min(22 * shown.names.length, 420)),
    describe: "What each input brought at each row; the sums are in the table that follows" });
  if (first) byId("why-map").append(html("p", { class: "note" }, `The ${first} rows before, back to ${a.times[0]}, brought less than a hundredth of it.`));
  const order = sums.map((_, k) => k).sort((p, q) => Math.abs(sums[q]) - Math.abs(sums[p])).slice(0, 20);
  const latest = (row) => row.map(Math.abs).reduce((best, v, t, all) => (v > all[best] ? t : best), 0);
  const rows = order.map((k) => [shown.names[k], sums[k], a.times[latest(a.inputs[k])]]);
  byId("why-table").append(table("Sum over the rows, and where an input mattered most", ["input", "part", "most at"], rows));
  const offset = a.times.length - first - shown.activity.times.length;
  return (t) => move(t + offset);
}

// -- the wiring ---------------------------------------------------------------------------------

const layers = shown.wiring.layers, act = shown.activity;
const called = (i) => shown.neurons[i];
const nodes = [
  ...shown.names.map((name, k) => ({ key: `u${k}`, name, values: act.inputs[k], input: true })),
  ...layers.flatMap(([name, ids]) => ids.map((i) => ({ key: `n${i}`, id: i, name: called(i), values: act.states[i] }))),
];
const nodeOf = Object.fromEntries(nodes.map((node) => [node.key, node]));
const synapses = [["sensory", "u"], ["synapses", "n"]].flatMap(([kind, from]) => {
  const s = shown.wiring[kind];
  return s.pre.map((p, k) => ({ from: `${from}${p}`, to: `n${s.post[k]}`, sign: s.sign[k], strength: s.strength[k] || 0 }));
}).sort((a, b) => a.strength - b.strength);

/** Places: inputs in a column, layers in blocks of columns; a single layer in a circle. */
function places() {
  const found = {}, single = layers.length === 1;
  const blocks = [nodes.filter((n) => n.input), ...layers.map(([, ids]) => ids.map((i) => nodeOf[`n${i}`]))];
  // Drawn at its size on the screen; a narrow one scrolls.
  const rows = 24, width = Math.max(640, Math.min(900, byId("wiring").clientWidth)), left = 150;
  const deep = blocks.map((b, k) => (single && k ? 1 : Math.ceil(b.length / rows)));
  const tall = Math.max(...blocks.map((b, k) => (single && k ? 1 : Math.min(b.length, rows))));
  const height = Math.max(320, Math.min(26 * tall + 60, 640));
  const gaps = blocks.length - 1, columns = deep.reduce((s, d) => s + d - 1, 0);
  const inner = Math.min(24, 0.4 * (width - left) / Math.max(columns, 1)), gap = (width - left - 40 - inner * columns) / gaps;
  const headings = [];
  let x = left;
  blocks.forEach((block, b) => {
    if (single && b) {
      const middle = { x: (left + 130 + width) / 2, y: height / 2 + 10 }, radius = height / 2 - 40;
      block.forEach((node, k) => {
        const angle = 2 * Math.PI * k / block.length - Math.PI / 2;
        found[node.key] = { x: middle.x + radius * Math.cos(angle), y: middle.y + radius * Math.sin(angle), layer: b };
      });
      headings.push([layers[0][0], block.length, middle.x]);
      return;
    }
    const high = Math.ceil(block.length / deep[b]);
    const step = Math.min((height - 70) / Math.max(high - 1, 1), 60);
    block.forEach((node, k) => {
      const row = k % high, column = Math.floor(k / high);
      found[node.key] = { x: x + inner * column, y: height / 2 + 18 + step * (row - (high - 1) / 2), layer: b };
    });
    headings.push([b ? layers[b - 1][0] : "inputs", block.length, x + inner * (deep[b] - 1) / 2]);
    x += inner * (deep[b] - 1) + gap;
  });
  return { found, width, height, headings };
}

function curve(p, q) {
  const n = (v) => v.toFixed(1);
  if (p === q) return `M${n(p.x)} ${n(p.y)}c14 -16 22 8 1 3`;
  if (p.layer === q.layer) {
    const bow = 20 + 0.25 * Math.hypot(q.x - p.x, q.y - p.y);
    return `M${n(p.x)} ${n(p.y)}C${n(p.x + bow)} ${n(p.y)} ${n(q.x + bow)} ${n(q.y)} ${n(q.x)} ${n(q.y)}`;
  }
  const half = (q.x - p.x) / 2;
  return `M${n(p.x)} ${n(p.y)}C${n(p.x + half)} ${n(p.y)} ${n(q.x - half)} ${n(q.y)} ${n(q.x)} ${n(q.y)}`;
}

function drawWiring(choose) {
  const { found, width, height, headings } = places();
  const faint = Math.max(0.05, Math.min(0.75, 90 / (synapses.length + 1)));
  const single = layers.length === 1;
  const always = single ? 300 : 1000;  // the rest only with its neuron
  synapses.forEach((s, k) => {
    const d = curve(found[s.from], found[s.to]);
    s.path = svg("path", { class: `synapse ${s.sign > 0 ? "up" : "down"}`, d, "stroke-width": (0.5 + 2.5 * Math.sqrt(s.strength)).toFixed(2), opacity: faint });
    if (k < synapses.length - always) s.path.setAttribute("visibility", "hidden");
    s.faint = k < synapses.length - always;
  });
  const radius = nodes.length > 120 ? 4.5 : nodes.length > 60 ? 6 : 9;
  const drawn = nodes.map((node) => {
    const p = found[node.key];
    const shape = node.input
      ? svg("rect", { x: p.x - radius * 0.8, y: p.y - radius * 0.8, width: radius * 1.6, height: radius * 1.6 })
      : svg("circle", { cx: p.x, cy: p.y, r: radius });
    node.shape = shape;
    node.mark = svg("g", { class: "node" }, svg("title", {}, node.name), shape);
    if (node.input && (nodes.length <= 120 || p.x < 160)) {
      node.mark.append(svg("text", { x: p.x - radius - 5, y: p.y + 4, "text-anchor": "end" }, node.name.length > 20 ? `${node.name.slice(0, 19)}…` : node.name));
    }
    node.mark.addEventListener("mouseenter", () => choose(node.key));
    node.mark.addEventListener("click", () => choose(node.key));
    return node.mark;
  });
  const close = headings.length > 5;  // headings of many columns have a line for each part
  const labels = headings.map(([name, count, place]) => {
    const [, ...parts] = name.match(/^(layer \d+ )?((?:for|back)wards )?(.*)$/);
    const lines = close ? parts.filter(Boolean) : [`${name}, ${count}`];
    const atEnd = !close && place > width - 60;
    const x = atEnd ? width - 2 : place, anchor = atEnd ? "end" : "middle";
    return svg("text", { "text-anchor": anchor, style: close ? "font-size: 11px" : "" }, ...lines.map((line, k) => svg("tspan", { x, y: 16 + 14 * k }, line.trim())));
  });
  const group = svg("g", {}, ...synapses.map((s) => s.path));
  const total = shown.wiring.synapses.count + shown.wiring.sensory.count;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `Wiring: ${shown.names.length} inputs, ${nodes.length - shown.names.length} neurons, ${total} synapses. The list above chooses a neuron; its synapses are in the tables that follow.` },
    group, ...drawn, ...labels);
  byId("wiring").replaceChildren(picture);
  const left = synapses.some((s) => s.faint) ? ` Only the ${always} strongest are drawn until a neuron is chosen.` : "";
  byId("wiring-note").textContent = `Blue, unbroken: excites. Orange, dashed: inhibits. The wider, the stronger. ${total} synapses.${left} Neurons are coloured by their state in the row chosen.`;
  return group;
}

function partners(key, to) {
  const end = to ? "from" : "to";
  return synapses.filter((s) => s[to ? "to" : "from"] === key).reverse()
    .map((s) => [nodeOf[s[end]].name, s.sign > 0 ? "excites" : "inhibits", s.strength]);
}

function scrolling(content, label) {
  return html("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, content);
}

function look(moves) {
  const group = drawWiring(choose);
  const select = byId("node"), moment = byId("moment");
  const options = (list) => list.map((node) => html("option", { value: node.key }, node.name));
  select.append(html("optgroup", { label: "inputs" }, ...options(nodes.filter((n) => n.input))),
    ...layers.map(([name, ids]) => html("optgroup", { label: name }, ...options(ids.map((i) => nodeOf[`n${i}`])))));
  moment.max = act.times.length - 1; moment.value = moment.max;
  const order = layers.flatMap(([, ids]) => ids);
  const raster = map(byId("raster"), { names: order.map(called), values: order.map((i) => act.states[i]),
    times: act.times, high: Math.max(120, Math.min(14 * order.length, 520)),
    describe: "The state of every neuron at every row; choose a neuron above for its values",
    choose: (r, t) => { moment.value = t; choose(`n${order[r]}`); at(t); } });
  let chosen = null, tauMove = () => {}, ownMove = () => {};

  function constants() {
    const quantile = (list, q) => { const s = [...list].sort((a, b) => a - b); return s[Math.round(q * (s.length - 1))]; };
    const bands = [], lines = [];
    layers.forEach(([name, ids], k) => {
      const across = act.times.map((_, t) => ids.map((i) => act.constants[i][t]).filter((v) => v !== null));
      const line = (q) => across.map((list) => (list.length ? quantile(list, q) : null));
      const base = { colour: colours[k % 6], dash: dashes[k % 6] };
      if (ids.length > 2) bands.push({ name: `${name}: middle half`, low: line(0.25), high: line(0.75), colour: base.colour });
      lines.push({ name: ids.length > 1 ? `${name}: median of ${ids.length}` : name, values: line(0.5), ...base });
    });
    const node = nodeOf[chosen];
    if (node && !node.input) lines.push({ name: `${node.name}`, values: act.constants[node.id], colour: "--text", width: 2.5 });
    tauMove = chart(byId("constants"), { times: act.times, lines, bands, log: true, label: `time constant (${act.unit})`,
      describe: `Time constants by layer, in ${act.unit}, on a logarithmic scale` });
  }

  function choose(key) {
    if (key === chosen) return;
    synapses.filter((s) => s.from === chosen || s.to === chosen).forEach((s) => {
      s.path.classList.remove("own");
      if (s.faint) s.path.setAttribute("visibility", "hidden");
    });
    if (chosen) nodeOf[chosen].mark.classList.remove("chosen");
    chosen = key; select.value = key;
    nodeOf[key].mark.classList.add("chosen");
    group.classList.add("quiet");
    synapses.filter((s) => s.from === key || s.to === key).forEach((s) => {
      s.path.classList.add("own"); s.path.removeAttribute("visibility"); group.append(s.path);
    });
    details(); constants(); at(Number(moment.value));
  }

  function details() {
    const node = nodeOf[chosen], place = byId("details");
    const words = html("p", { id: "details-now" }), plot = html("div");
    const ins = partners(chosen, true), outs = partners(chosen, false);
    const parts = [html("h3", {}, node.name), words, plot];
    const listed = (verb, end, list) => list.length
      ? scrolling(table(`${verb}: ${list.length} synapse${list.length > 1 ? "s, the strongest first" : ""}`, [end, "how", "strength"], list), `What ${node.name} ${verb.toLowerCase()}`)
      : html("p", { class: "note" }, `${verb} nothing${end === "to" ? " to other neurons" : ""}.`);
    if (!node.input) parts.push(listed("Receives", "from", ins));
    parts.push(listed("Sends", "to", outs));
    place.replaceChildren(...parts);
    ownMove = chart(plot, { times: act.times, lines: [{ name: node.input ? "fed" : "state", values: node.values, colour: "--c0", width: 2.5 }],
      width: 440, height: 190, label: node.input ? "what it is fed" : "state", describe: `${node.name} over time` });
  }

  function at(t) {
    byId("moment-time").textContent = act.times[t];
    moment.setAttribute("aria-valuetext", act.times[t]);
    [...moves, raster, tauMove, ownMove].forEach((move) => move(t));
    nodes.forEach((node) => {
      const v = node.values[t], most = node.most || (node.most = Math.max(...node.values.map((x) => Math.abs(x || 0)), 1e-9));
      node.shape.style.fill = `rgb(${shade((v || 0) / most)})`;
    });
    const node = nodeOf[chosen], now = byId("details-now");
    if (!node || !now) return;
    const tau = node.input ? "" : `, time constant ${short(act.constants[node.id][t])} ${act.unit}`;
    const lesion = !node.input && shown.lesions ? ` Without it the output changes by ${short(shown.lesions.change[node.id])}.` : "";
    now.textContent = `${node.input ? "Fed" : "State"} ${short(node.values[t])}${tau} at ${act.times[t]}.${lesion}`;
  }

  select.addEventListener("change", () => choose(select.value));
  moment.addEventListener("input", () => at(Number(moment.value)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => at(Number(moment.value)));
  choose(`n${layers[layers.length - 1][1][0]}`);
}

function lesions() {
  if (!shown.lesions) return;
  const { change, label } = shown.lesions, most = Math.max(...change, 1e-12);
  const order = change.map((_, i) => i).sort((a, b) => change[b] - change[a]), top = order.slice(0, 20);
  byId("lesions-note").textContent = `Each neuron taken out alone, over the rows shown: ${label}.`
    + (order.length > 20 ? ` The 20 that matter most, of ${order.length}; ${change.filter((c) => c < most / 1000).length} change it by less than a thousandth of the first.` : "");
  const bars = top.flatMap((i) => {
    const bar = html("div", { class: "bar" });
    bar.style.width = `${100 * change[i] / most}%`;
    return [html("span", {}, called(i)), bar, html("span", {}, short(change[i]))];
  });
  byId("lesions-bars").append(html("div", { class: "bars" }, ...bars));
}

tell();
lesions();
look([forecast(), why()]);
