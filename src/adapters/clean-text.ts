/** Control characters, and those that turn the direction of text or hide in it. */
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\u{202a}-\u{202e}\u{2066}-\u{2069}\u{200b}\u{feff}]+/gu;

const longest = 1000;

/** Text from outside, fit for one line of a terminal: no control characters, no line breaks, not endless. */
export function cleanText(text: string | null | undefined): string {
  const line = (text ?? '').replace(unprintable, ' ').replace(/ {2,}/g, ' ').trim();
  return line.length > longest ? `${line.slice(0, longest)}...` : line;
}
