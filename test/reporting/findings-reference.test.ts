import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { auditChecks } from '../../src/checks/audit/index.ts';
import { checks } from '../../src/checks/index.ts';
import { findingsReference } from '../../src/reporting/formats/findings-reference.ts';

const codes = [...checks, ...auditChecks].flatMap((check) => check.codes);

test('docs/findings.md is what the checks say (npm run docs writes it)', () => {
  const page = readFileSync(new URL('../../docs/findings.md', import.meta.url), 'utf8');
  assert.equal(page, findingsReference(codes));
});

test('every code is AREA.WORDS and belongs to one check', () => {
  const names = codes.map(({ code }) => code);
  assert.deepEqual(
    names.filter((name) => !/^[A-Z]+\.[A-Z0-9_]+$/.test(name)),
    [],
  );
  assert.equal(new Set(names).size, names.length);
});
