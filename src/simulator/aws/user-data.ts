/** MIME multipart user data, as EKS and cloud-init read it. */

export interface Part {
  contentType: string;
  body: string;
}

/** The parts of a multipart document; undefined when it is none. */
export function parseMultipart(text: string): Part[] | undefined {
  const boundary = /^content-type:\s*multipart\/mixed;.*?boundary="?([^"\s;]+)"?/im.exec(text)?.[1];
  if (boundary === undefined) return undefined;
  return text
    .replaceAll('\r\n', '\n')
    .split(`--${boundary}`)
    .slice(1)
    .filter((part) => !part.startsWith('--'))
    .map((part) => {
      const [head = '', ...body] = part.replace(/^\n/, '').split('\n\n');
      return {
        contentType: /content-type:\s*([^\s;]+)/i.exec(head)?.[1] ?? 'text/plain',
        body: body.join('\n\n').trim(),
      };
    });
}

export function renderMultipart(parts: readonly Part[]): string {
  const body = parts.map((part) => `--//\nContent-Type: ${part.contentType}\n\n${part.body}\n`);
  return `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="//"\n\n${body.join('\n')}\n--//--\n`;
}

export function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

export function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString();
}
