import { ExitCode, MigrateError } from '../domain/migrate-error.ts';

/**
 * User data of a source with ours behind it, as one MIME multi-part message (cloud-init and nodeadm read the parts in
 * order; of two NodeConfig parts the later wins).
 *
 * @throws MigrateError when the source's is of a kind that cannot be joined. Its text is never part of the message.
 */
export function joinUserData(source: string | null, ours: string): string {
  if (source === null || source.trim() === '') return ours;
  const parts = [...mimeParts(source), ...mimeParts(ours)];
  let boundary = 'prefix-migrate';
  while (parts.some((part) => part.includes(`--${boundary}`))) boundary += '-';
  return [
    'MIME-Version: 1.0',
    `Content-Type: multipart/mixed; boundary="${boundary}"`,
    '',
    ...parts.flatMap((part) => [`--${boundary}`, part]),
    `--${boundary}--`,
    '',
  ].join('\n');
}

/** The parts of a message, each with its headers. A text that is no message is one part. */
function mimeParts(text: string): string[] {
  const lines = text.replaceAll('\r\n', '\n').trim().split('\n');
  const headers = lines.slice(0, lines.indexOf('')).join(' ');
  const boundary = /content-type:\s*multipart\/[^;]+;\s*boundary="?([^";\s]+)"?/i.exec(headers)?.[1];
  if (boundary === undefined) return [`Content-Type: ${contentType(lines)}\n\n${lines.join('\n')}`];
  const parts: string[][] = [];
  for (const line of lines) {
    if (line.trimEnd() === `--${boundary}--`) break;
    if (line.trimEnd() === `--${boundary}`) parts.push([]);
    else parts.at(-1)?.push(line);
  }
  return parts.map((part) => part.join('\n').trimEnd());
}

function contentType(lines: string[]): string {
  if (lines[0]?.startsWith('#!')) return 'text/x-shellscript; charset="us-ascii"';
  if (lines[0]?.startsWith('#cloud-config')) return 'text/cloud-config';
  if (lines.some((line) => line.startsWith('apiVersion: node.eks.aws/'))) return 'application/node.eks.aws';
  throw new MigrateError({
    code: 'TEMPLATE.USER_DATA_UNKNOWN',
    message: "The user data of the source's launch template is of a kind that cannot be joined with ours.",
    why: 'It is neither MIME multi-part, nor a shell script, nor cloud-config, nor a NodeConfig (compressed user data is none of these).',
    nextActions: ['give the source a launch template with MIME multi-part user data, then make a new plan'],
    exitCode: ExitCode.stoppedPartWay,
  });
}
