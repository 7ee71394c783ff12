/** Live scores, shown only where the server exposes them: a chart over time and a table of evidence. */

import { byId } from './dom.js';

const WINDOW_MS = 30_000;
/** 30 s at the ten messages a second that the telemetry channel allows. */
const MAX_POINTS = 300;
const MAX_ROWS = 24;
const TABLE_EVERY_MS = 400;
const PADDING = Object.freeze({ left: 28, right: 10, top: 12, bottom: 12 });
const GRID = Object.freeze([0, 0.5, 1]);

/** @typedef {import('../sdk/messages.js').Message} Message */
/** @typedef {{atMs: number, liveness: number, deepfake: number}} Point */
/** @typedef {{score: number, confidence: number, reasons: string[]}} Evidence */

export class Scores {
  #words;
  #canvas = /** @type {HTMLCanvasElement} */ (byId('score-chart'));
  /** @type {Point[]} */
  #points = [];
  #tableAtMs = -Infinity;
  #drawing = 0;

  /** @param {import('../sdk/i18n.js').Catalogue} words */
  constructor(words) {
    this.#words = words;
  }

  show() {
    byId('scores').hidden = false;
  }

  /** Forget everything, for a new check. */
  reset() {
    byId('scores').hidden = true;
    byId('score-rows').replaceChildren();
    this.#points = [];
  }

  /** @param {Message} frame */
  add(frame) {
    const atMs = performance.now();
    this.show();
    this.#points.push({ atMs, liveness: frame.liveness_score, deepfake: frame.deepfake_score });
    if (this.#points.length > MAX_POINTS) this.#points.shift();
    byId('score-liveness').textContent = this.format(frame.liveness_score);
    byId('score-deepfake').textContent = this.format(frame.deepfake_score);
    if (atMs - this.#tableAtMs > TABLE_EVERY_MS) {
      this.#tableAtMs = atMs;
      this.#fillTable(frame);
    }
    cancelAnimationFrame(this.#drawing);
    this.#drawing = requestAnimationFrame((nowMs) => this.#draw(nowMs));
  }

  /**
   * @param {unknown} value
   * @returns {string}
   */
  format(value) {
    return typeof value === 'number' ? value.toFixed(2) : this.#words.text('scores.none');
  }

  /** @param {Message} frame */
  #fillTable({ evidence, analysed_fps: fps, dropped, latency_ms: latency }) {
    const entries = Object.entries(/** @type {Record<string, Evidence>} */ (evidence ?? {})).slice(0, MAX_ROWS);
    byId('score-rows').replaceChildren(...entries.map(([name, item]) => this.#row(name, item)));
    byId('score-rate').textContent = this.#words.text('scores.rate', {
      fps: Math.round(fps ?? 0),
      dropped: dropped ?? 0,
      latency: Math.round(latency ?? 0),
    });
  }

  /**
   * @param {string} name
   * @param {Evidence} item
   */
  #row(name, { score, confidence, reasons }) {
    const title = this.#words.has(`analyser.${name}`) ? this.#words.text(`analyser.${name}`) : name;
    const row = document.createElement('tr');
    row.append(
      cell(title),
      cell(this.format(score), 'number'),
      cell(this.format(confidence), 'number'),
      // Codes, not sentences: this table is for those who tune the analysers.
      cell((reasons ?? []).join('\n') || this.#words.text('scores.none')),
    );
    return row;
  }

  /** @param {number} nowMs */
  #draw(nowMs) {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const ratio = window.devicePixelRatio || 1;
    if (this.#canvas.width !== Math.round(width * ratio)) {
      this.#canvas.width = Math.round(width * ratio);
      this.#canvas.height = Math.round(height * ratio);
    }
    const pen = this.#canvas.getContext('2d');
    if (pen === null) return;
    const style = getComputedStyle(this.#canvas);
    /** @param {string} name */
    const colour = (name) => style.getPropertyValue(name).trim();
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const scale = makeScale(width, height, nowMs);
    drawGrid(pen, scale, width, colour('--line'), colour('--ink-soft'));
    drawLine(pen, scale, this.#points, 'deepfake', colour('--warn'), [6, 5]);
    drawLine(pen, scale, this.#points, 'liveness', colour('--accent'), []);
  }
}

/**
 * @param {string} text
 * @param {string} [className]
 */
function cell(text, className = '') {
  const element = document.createElement('td');
  element.className = className;
  element.textContent = text;
  return element;
}

/**
 * @typedef {{x: (atMs: number) => number, y: (score: number) => number}} Scale
 *
 * @param {number} width
 * @param {number} height
 * @param {number} nowMs
 * @returns {Scale}
 */
function makeScale(width, height, nowMs) {
  const { left, right, top, bottom } = PADDING;
  return {
    x: (atMs) => left + (width - left - right) * (1 - (nowMs - atMs) / WINDOW_MS),
    y: (score) => top + (height - top - bottom) * (1 - score),
  };
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {Scale} scale
 * @param {number} width
 * @param {string} lineColour
 * @param {string} textColour
 */
function drawGrid(pen, scale, width, lineColour, textColour) {
  pen.setLineDash([]);
  pen.lineWidth = 1;
  pen.strokeStyle = lineColour;
  pen.fillStyle = textColour;
  pen.font = '12px system-ui, sans-serif';
  pen.textBaseline = 'middle';
  pen.textAlign = 'right';
  for (const value of GRID) {
    const y = Math.round(scale.y(value)) + 0.5;
    pen.beginPath();
    pen.moveTo(PADDING.left, y);
    pen.lineTo(width - PADDING.right, y);
    pen.stroke();
    pen.fillText(String(value), PADDING.left - 6, y);
  }
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {Scale} scale
 * @param {Point[]} points
 * @param {'liveness' | 'deepfake'} series
 * @param {string} colour
 * @param {number[]} dash so that the lines differ by more than colour
 */
function drawLine(pen, scale, points, series, colour, dash) {
  pen.setLineDash(dash);
  pen.lineWidth = 2.5;
  pen.lineJoin = 'round';
  pen.strokeStyle = colour;
  pen.beginPath();
  for (const point of points) {
    const x = scale.x(point.atMs);
    if (x < PADDING.left || typeof point[series] !== 'number') continue;
    pen.lineTo(x, scale.y(point[series]));
  }
  pen.stroke();
}
