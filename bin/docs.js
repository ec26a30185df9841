// Writes the pages of docs/ that are made from the code.
import { writeFileSync } from 'node:fs';
import { auditChecks } from '../src/checks/audit/index.ts';
import { checks } from '../src/checks/index.ts';
import { findingsReference } from '../src/reporting/formats/findings-reference.ts';
import { rightsReference } from '../src/reporting/formats/rights-reference.ts';

const file = new URL('../docs/findings.md', import.meta.url);
writeFileSync(file, findingsReference([...checks, ...auditChecks].flatMap(({ codes }) => codes)));
writeFileSync(new URL('../docs/rights.md', import.meta.url), rightsReference());
