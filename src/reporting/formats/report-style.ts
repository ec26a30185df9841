/** The style sheet of reports: light and dark by the reader's choice, dark ink on white in print. */
export const reportStyle = `
:root { color-scheme: light dark; --ink: #1b1b1b; --dim: #555555; --paper: #ffffff; --line: #c4c4c4; --shade: #f2f2f2;
  --bad: #a31515; --warn: #7a4a00; --good: #1d6329; --bar: #0072b2; --short: #d55e00; }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --dim: #b4b4b4; --paper: #161616; --line: #4a4a4a;
  --shade: #242424; --bad: #ff8a80; --warn: #ffc266; --good: #8fd69b; --bar: #56b4e9; --short: #ff9a52; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.25rem; margin-top: 2.25rem; } h3 { font-size: 1rem; margin: 0; }
p, li { max-width: 46rem; } .dim { color: var(--dim); } .lead { font-size: 1.1rem; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.875rem; }
pre { white-space: pre-wrap; background: var(--shade); border: 1px solid var(--line); padding: 0.4rem 0.6rem; margin: 0.4rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; } caption { text-align: left; color: var(--dim); padding: 0 0 0.3rem; }
th, td { border: 1px solid var(--line); padding: 0.3rem 0.55rem; text-align: left; vertical-align: top; overflow-wrap: normal; }
thead th { background: var(--shade); } tbody th { font-weight: 600; } .number { text-align: right; white-space: nowrap; }
.finding { border: 1px solid var(--line); border-left-width: 0.4rem; padding: 0.6rem 0.9rem; margin: 0.8rem 0; }
.blocking { border-left-color: var(--bad); } .warning { border-left-color: var(--warn); }
.bad { color: var(--bad); font-weight: 600; } .good { color: var(--good); font-weight: 600; }
.finding p { margin: 0.3rem 0; } .bar { display: block; width: 100%; min-width: 5rem; height: 0.5rem; }
.bar .room { fill: var(--line); } .bar .taken { fill: var(--bar); } .bar .short { fill: var(--short); }
figure { margin: 1rem 0; } figure svg { max-width: 100%; height: auto; border: 1px solid var(--line); }
@media print { :root { color-scheme: light; } body { max-width: none; padding: 0; font-size: 10pt; }
  tr, figure, .finding { break-inside: avoid; } h2 { break-after: avoid; } .scroll { overflow: visible; } }
`;
