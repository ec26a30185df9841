/** Objects of one bucket as S3 keeps them: conditional put, get, and lists in pages. (Amazon S3 API reference) */
import type { SimHandler, SimRequest, SimResponse } from '../../../src/simulator/types.ts';

export interface FakeS3 {
  objects: Map<string, string>;
  requests: SimRequest[];
  handle: SimHandler;
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

export const s3Error = (status: number, code: string, message: string, headers = {}, more = ''): SimResponse => ({
  status,
  headers: { 'content-type': 'application/xml', ...headers },
  body: `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message>${more}</Error>`,
});

/** `pageSize` objects a page; `ignoresConditions` as servers do that do not know them. */
export function createFakeS3({ bucket = 'bkt', pageSize = 3, ignoresConditions = false } = {}): FakeS3 {
  const objects = new Map<string, string>();
  const requests: SimRequest[] = [];

  function answer({ method, path, headers, body }: SimRequest): SimResponse {
    const url = new URL(path, 'https://s3.test');
    const [, name = '', key = ''] = /^\/([^/]*)\/?(.*)$/.exec(decodeURIComponent(url.pathname)) ?? [];
    if (name !== bucket) return s3Error(404, 'NoSuchBucket', 'The specified bucket does not exist');
    if (method === 'PUT') {
      const isRefused = headers['if-none-match'] === '*' && objects.has(key) && !ignoresConditions;
      if (isRefused) return s3Error(412, 'PreconditionFailed', 'At least one of the pre-conditions did not hold');
      objects.set(key, body);
      return { status: 200, headers: { etag: '"x"' }, body: '' };
    }
    if (key !== '') {
      const text = objects.get(key);
      if (text === undefined) return s3Error(404, 'NoSuchKey', 'The specified key does not exist.');
      return { status: 200, headers: { 'content-type': 'application/x-ndjson' }, body: text };
    }
    const keys = [...objects.keys()].filter((each) => each.startsWith(url.searchParams.get('prefix') ?? '')).toSorted();
    const from = Number(url.searchParams.get('continuation-token') ?? 0);
    const page = keys.slice(from, from + pageSize);
    const next = from + pageSize;
    const more =
      next < keys.length
        ? `<IsTruncated>true</IsTruncated><NextContinuationToken>${next}</NextContinuationToken>`
        : '<IsTruncated>false</IsTruncated>';
    const contents = page.map((each) => `<Contents><Key>${escaped(each)}</Key></Contents>`).join('');
    return {
      status: 200,
      headers: { 'content-type': 'application/xml' },
      body: `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult>${more}${contents}</ListBucketResult>`,
    };
  }

  return {
    objects,
    requests,
    handle(request) {
      requests.push(request);
      return answer(request);
    },
  };
}
