/** Control characters, and those that turn the direction of text or hide in it. */
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\u{61c}\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2060}-\u{2069}\u{feff}]+/gu;

const longest = 1000;

/**
 * Text from outside, fit for one line of a terminal: no control characters, no line breaks, not endless. An answer may have
 * something else where text should be: that is shown as JSON.
 */
export function cleanText(text: unknown): string {
  const line = (typeof text === 'string' ? text : text == null ? '' : JSON.stringify(text))
    .replace(unprintable, ' ')
    .replace(/ {2,}/g, ' ')
    .trim();
  return line.length > longest ? `${line.slice(0, longest)}...` : line;
}
