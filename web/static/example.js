// The first lines that the file would have, in the chosen format.

const NUMBERS = new Set(['open', 'high', 'low', 'close', 'volume', 'oi', 'strike']);
const CANDLE = ['date', 'time', 'timestamp', 'open', 'high', 'low', 'close', 'volume', 'oi'];

function jsonText(preview) {
  const [first] = preview.sample;
  if (!first) return '"historical_data": []';
  const cell = Object.fromEntries(preview.columns.map((name, i) => [name, first[i]]));
  const value = (name) =>
    NUMBERS.has(name) ? (cell[name] === '' ? 'null' : cell[name]) : JSON.stringify(cell[name]);
  const candle = CANDLE.map((name) => `${JSON.stringify(name)}: ${value(name)}`).join(', ');
  const symbol = 'openalgo_symbol' in cell ? `"openalgo_symbol": ${value('openalgo_symbol')}, ` : '';
  return `${symbol}"historical_data": [\n  {${candle}}, …`;
}

/** `lines` candles of the preview as the format writes them (archives hold CSV or JSON inside). */
export function exampleText(preview, format, lines = 2) {
  if (format === 'json') return jsonText(preview);
  return preview.text.split('\n').slice(0, lines + 1).join('\n').replace(/^\uFEFF/, '').trimEnd();
}
