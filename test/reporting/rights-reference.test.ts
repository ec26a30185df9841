import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { rightsReference } from '../../src/reporting/formats/rights-reference.ts';

test('docs/rights.md is what the table of rights says (npm run docs writes it)', () => {
  const page = readFileSync(new URL('../../docs/rights.md', import.meta.url), 'utf8');
  assert.equal(page, rightsReference());
});
