const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

/** Text for HTML and XML 1.0: characters that neither may hold are left out. */
export const escaped = (text: string): string =>
  text
    .replaceAll(/[^\t\n\r\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replaceAll(/[&<>"']/g, (character) => entities[character] ?? '');

/** Text that is safe as it stands: made by `html` or by ourselves, never from outside. */
export interface Markup {
  readonly markup: string;
}

export type Content = string | number | Markup | readonly Content[];

/** A tag for templates: every value that is not markup is escaped, so that no name from outside can become markup. */
export const html = (texts: TemplateStringsArray, ...values: Content[]): Markup => ({
  markup: texts.reduce((made, text, index) => made + rendered(values[index - 1] ?? '') + text),
});

function rendered(content: Content): string {
  if (typeof content !== 'object') return escaped(String(content));
  return 'markup' in content ? content.markup : content.map(rendered).join('');
}
