// The first lines that the file would have, in the chosen format.

const NUMBERS = new Set(['epoch_s', 'epoch_ms', 'open', 'high', 'low', 'close', 'volume', 'oi', 'strike']);
const CANDLE = ['date', 'time', 'timestamp', 'open', 'high', 'low', 'close', 'volume', 'oi'];

/** What stands in each candle: [name, title], in the file's order. */
function candleColumns(columns) {
  if (!columns) return CANDLE.map((name) => [name, name]);
  return columns.map((one) => (typeof one === 'string' ? [one, one] : [one.name, one.as || one.name]));
}

function jsonText(preview, { columns = null, include_openalgo: symbols = true }) {
  const [first] = preview.sample;
  if (!first) return '"historical_data": []';
  const cell = Object.fromEntries(preview.columns.map((title, i) => [title, first[i]]));
  const value = (name, title) =>
    NUMBERS.has(name) ? (cell[title] === '' ? 'null' : cell[title]) : JSON.stringify(cell[title]);
  const candle = candleColumns(columns).map(([name, title]) => `${JSON.stringify(title)}: ${value(name, title)}`).join(', ');
  const symbol = symbols && !columns && 'openalgo_symbol' in cell ? `"openalgo_symbol": ${value('openalgo_symbol', 'openalgo_symbol')}, ` : '';
  return `${symbol}"historical_data": [\n  {${candle}}, …`;
}

function linesText(preview, { columns = null }, lines) {
  const names = (columns ?? []).map((one) => (typeof one === 'string' ? one : one.name));
  const value = (cell, name) => (NUMBERS.has(name) ? (cell === '' ? 'null' : cell) : JSON.stringify(cell));
  const line = (row) => row.map((cell, i) => `${JSON.stringify(preview.columns[i])}:${value(cell, names[i] ?? preview.columns[i])}`);
  return preview.sample.slice(0, lines).map((row) => `{${line(row).join(',')}}`).join('\n');
}

/** `lines` candles of the preview as the request writes them (archives hold CSV or JSON inside). */
export function exampleText(preview, { format, options }, lines = 2) {
  if (format === 'json') return jsonText(preview, options);
  if (format === 'jsonl') return linesText(preview, options, lines);
  return preview.text.split('\n').slice(0, lines + 1).join('\n').replace(/^\uFEFF/, '').trimEnd();
}
