import { test } from 'node:test';
import { playAll } from './campaign.ts';

/** `npm run simulate:forever` looks at more of them. */
test('120 stories of one migration end well, whatever happens', (t) => playAll(t, 'one', 120));
