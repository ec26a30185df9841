/**
 * Property tests draw the same cases in every run. `PROPERTY_SEED=7 npm test` draws others; the seed is printed with the
 * run, and fast-check prints it with a counterexample.
 */
import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env['PROPERTY_SEED'] ?? 20260301) });
