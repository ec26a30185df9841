// The drain beside its peers and beside the lower bound: `npm run bench:drain -- --help`.
import { main } from '../test/bench/main.ts';

process.exitCode = await main(process.argv.slice(2));
