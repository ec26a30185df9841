import { createHash } from 'node:crypto';
import { yamlText } from './yaml.ts';

/** Folder of the manifests in the plan folder. */
export const barePodFolder = 'bare-pods';

/** 255 in the usual file systems, with room for what is appended while the file is written. */
const longestName = 200;

/** Where the manifest of a pod lies in the plan folder. */
export function barePodFile(namespace: string, name: string): string {
  const plain = `${namespace}_${name}`.replaceAll(/[^\w.-]/g, '-');
  // both names may be long, and only together tell one pod from another
  const hash = createHash('sha256').update(plain).digest('hex').slice(0, 8);
  return `${barePodFolder}/${plain.length > longestName ? `${plain.slice(0, longestName - 9)}-${hash}` : plain}.yaml`;
}

/** The manifest as a file for `kubectl create -f`, which says what is missing. */
export function barePodYaml(manifest: Readonly<Record<string, unknown>>, redacted: readonly string[]): string {
  return yamlText(manifest, {
    head: [
      'Nothing creates this pod again once it is evicted, except: kubectl create -f THIS_FILE',
      ...(redacted.length === 0
        ? []
        : ['Put back by hand first, because a secret may stand there (REDACTED):', ...redacted.map((at) => `  ${at}`)]),
    ],
  });
}
