#!/usr/bin/env node
// Runs src/ as it is: Node 24 strips the types. No build, no tsx, no ts-node.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { settings } from '@oclif/core';
import { main } from '../src/cli/main.ts';

settings.enableAutoTranspile = false; // oclif's own look-up needs the JS API that TypeScript 7 no longer has
const root = fileURLToPath(new URL('..', import.meta.url));
const pjson = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
pjson.oclif.commands = { strategy: 'pattern', target: './src/commands', globPatterns: ['*.ts'] };
await main({ root, pjson, ignoreManifest: true });
