/**
 * User data as EC2 hands it to an image: what it consists of, without changing a byte of it. cloud-init (MIME messages and
 * texts that tell their kind by how they begin: https://cloudinit.readthedocs.io, "User-data formats"), nodeadm and
 * Bottlerocket's TOML.
 */

/** EC2 takes no more, before it is encoded (EC2 API, `UserData`). */
export const userDataLimit = 16 * 1024;

/** What a text is when it is not of MIME: how it begins, and its content type as a part of a message. */
const beginnings: [begin: RegExp, contentType: string][] = [
  [/^#!/, 'text/x-shellscript; charset="us-ascii"'],
  [/^#cloud-config-archive\b/, 'text/cloud-config-archive'],
  [/^#cloud-config\b/, 'text/cloud-config'],
  [/^#cloud-boothook\b/, 'text/cloud-boothook'],
  [/^#include-once\b/, 'text/x-include-once-url'],
  [/^#include\b/, 'text/x-include-url'],
  [/^#part-handler\b/, 'text/part-handler'],
  [/^## template: *jinja\b/, 'text/jinja2'],
];
const nodeConfigType = 'application/node.eks.aws';

export interface UserDataPart {
  /** `text/x-shellscript` */
  contentType: string;
  /** where its body stands in the text */
  start: number;
  end: number;
  isBase64: boolean;
  /** decoded */
  body: string;
}

export type UserDataForm = 'multipart' | 'single' | 'text' | 'toml' | 'compressed' | 'powershell' | 'unknown';

/** A text of user data taken apart. Offsets count in it. */
export interface UserData {
  /**
   * `multipart`: a MIME message of parts. `single`: one with headers and a body. `text`: without headers, of a kind that
   * cloud-init or nodeadm knows.
   */
  form: UserDataForm;
  /** of a multipart message, and where its first and its closing delimiter begin; `close` is the end where it has none */
  boundary: string;
  open: number;
  close: number;
  /** of `text`: what it would be as a part */
  contentType: string;
  /** what can be read, those of nested messages included */
  parts: UserDataPart[];
}

/** Takes user data apart. Never throws: what cannot be read is `unknown`, `compressed` or `powershell`. */
export function readUserData(text: string): UserData {
  const nothing = { boundary: '', open: 0, close: text.length, contentType: '', parts: [] };
  const begin = text.search(/\S/);
  const trimmed = text.slice(Math.max(0, begin));
  if (isCompressed(trimmed)) return { ...nothing, form: 'compressed' };
  if (/^<(powershell|script)>/i.test(trimmed)) return { ...nothing, form: 'powershell' };
  if (/^(content-type|mime-version):/i.test(trimmed)) return readMessage(text, begin);
  const whole = { start: 0, end: text.length, isBase64: false, body: text };
  const known = beginnings.find(([start]) => start.test(trimmed))?.[1];
  if (known !== undefined) {
    return { ...nothing, form: 'text', contentType: known, parts: [{ ...whole, contentType: bare(known) }] };
  }
  if (/^apiVersion:\s*["']?node\.eks\.aws\//m.test(text)) {
    return {
      ...nothing,
      form: 'text',
      contentType: nodeConfigType,
      parts: [{ ...whole, contentType: nodeConfigType }],
    };
  }
  if (/^\s*(\[\[?\s*"?settings"?[\s.\]]|settings\s*[.=])/m.test(text)) return { ...nothing, form: 'toml' };
  return { ...nothing, form: 'unknown' };
}

function readMessage(text: string, begin: number): UserData {
  const { headers, bodyAt } = headersOf(text, begin, text.length);
  const boundary = boundaryOf(headers);
  const nothing = { boundary: '', open: begin, close: text.length, contentType: '' };
  if (boundary === null) {
    const part = partOf(text, headers, bodyAt, text.length);
    return { ...nothing, form: isCompressed(part.body) ? 'compressed' : 'single', parts: [part] };
  }
  const { open, close, ranges } = split(text, boundary, bodyAt, text.length);
  if (open === null) return { ...nothing, form: 'unknown', parts: [] };
  const parts = ranges.flatMap(([start, end]) => partsOf(text, start, end));
  const form = parts.some(({ body }) => isCompressed(body)) ? 'compressed' : 'multipart';
  return { form, boundary, open, close, contentType: '', parts };
}

/** The part that stands between two delimiters, or those in it. */
function partsOf(text: string, start: number, end: number): UserDataPart[] {
  const { headers, bodyAt } = headersOf(text, start, end);
  const boundary = boundaryOf(headers);
  if (boundary === null) return [partOf(text, headers, bodyAt, end)];
  return split(text, boundary, bodyAt, end).ranges.flatMap(([from, to]) => partsOf(text, from, to));
}

/** Lines up to the first empty one, with folded ones in one line, and where what follows begins. */
function headersOf(text: string, start: number, end: number): { headers: string; bodyAt: number } {
  const part = text.slice(start, end);
  const empty = /^\r?\n/.exec(part) ?? /\r?\n[ \t]*\r?\n/.exec(part);
  const head = empty === null ? part : part.slice(0, empty.index);
  const bodyAt = empty === null ? end : start + empty.index + empty[0].length;
  return { headers: head.replaceAll(/\r?\n[ \t]+/g, ' '), bodyAt };
}

const header = (headers: string, name: string): string =>
  new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*\\r?$`, 'im').exec(headers)?.[1] ?? '';

function boundaryOf(headers: string): string | null {
  const type = header(headers, 'content-type');
  if (!/^multipart\//i.test(type)) return null;
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(type) ?? [];
  return quoted ?? plain ?? null;
}

/** Where the parts of a message stand; the line break before a delimiter belongs to the delimiter (RFC 2046, 5.1.1). */
function split(text: string, boundary: string, start: number, end: number) {
  const delimiter = new RegExp(`^--${literal(boundary)}(--)?[ \\t]*(\\r?\\n|\\r?$)`, 'gm');
  delimiter.lastIndex = start;
  const ranges: [number, number][] = [];
  let open: number | null = null;
  let close = end;
  let from: number | null = null;
  for (let found = delimiter.exec(text); found !== null && found.index < end; found = delimiter.exec(text)) {
    if (from !== null) ranges.push([from, Math.max(from, withoutLineBreak(text, found.index))]);
    open ??= found.index;
    from = found[1] === undefined ? found.index + found[0].length : null;
    if (found[1] !== undefined) {
      close = found.index;
      break;
    }
  }
  if (from !== null) ranges.push([from, end]);
  return { open, close, ranges };
}

/** A text as a regular expression that matches it and nothing else. */
export const literal = (text: string): string => text.replaceAll(/\W/g, String.raw`\$&`);

const withoutLineBreak = (text: string, end: number): number =>
  end - (/\r?\n$/.exec(text.slice(Math.max(0, end - 2), end))?.[0].length ?? 0);

function partOf(text: string, headers: string, start: number, end: number): UserDataPart {
  const isBase64 = /^base64$/i.test(header(headers, 'content-transfer-encoding'));
  const raw = text.slice(start, end);
  const body = isBase64 ? Buffer.from(raw, 'base64').toString() : raw;
  const named = bare(header(headers, 'content-type')) || 'text/plain';
  const known = beginnings.find(([begin]) => begin.test(body.trimStart()))?.[1];
  return {
    // cloud-init looks at how a part begins when its type says nothing
    contentType: named === 'text/plain' && known !== undefined ? bare(known) : named,
    start,
    end,
    isBase64,
    body,
  };
}

const bare = (contentType: string): string => contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';

/** gzip, as it is (its second byte is no UTF-8) or in base64. */
function isCompressed(text: string): boolean {
  const begin = text.trimStart();
  return ['\u001f\u008b', '\u001f\ufffd', 'H4sI'].some((magic) => begin.startsWith(magic));
}

export const isNodeConfig = ({ contentType }: UserDataPart): boolean => contentType === nodeConfigType;

/** What can be told of user data without telling it. */
export interface UserDataFacts {
  bytes: number;
  form: UserDataForm;
  /** `/etc/eks/bootstrap.sh` occurs in it, which starts kubelet on Amazon Linux 2 and Ubuntu */
  hasBootstrap: boolean;
  hasNodeConfig: boolean;
}

export function userDataFacts(text: string): UserDataFacts {
  const { form, parts } = readUserData(text);
  return {
    bytes: Buffer.byteLength(text),
    form,
    hasBootstrap: parts.some(({ body }) => body.includes('/etc/eks/bootstrap.sh')),
    hasNodeConfig: parts.some(isNodeConfig),
  };
}
