"""The style sheet of a release's report: light and dark, screen and paper."""

from __future__ import annotations

STYLE = """
:root { --bg: #fbfbfa; --card: #fff; --ink: #1d2327; --soft: #626d75; --rule: #dde1e3;
  --good: #17703a; --bad: #b3261e; --on: #fff;
  --build: #8b95a1; --build2: #a9b1ba; --look: #c3b37e; --send: #2f6fd0; --stage: #7a56c2;
  --check: #0f8a8a; --migrate: #b8730b; --switch: #17803d; --back: #b3261e; --prune: #9aa3ab; }
@media (prefers-color-scheme: dark) { :root { --bg: #14181b; --card: #1c2226; --ink: #e6e9eb;
  --soft: #9aa6ae; --rule: #343c42; --good: #63c98a; --bad: #ff8a80; --on: #0e1113;
  --build: #7d8894; --build2: #66707a; --look: #b5a56f; --send: #6ea3f2; --stage: #ae90ec;
  --check: #4fbcbc; --migrate: #e0a24a; --switch: #5fc486; --back: #ff8a80; --prune: #6d767d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 64rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .4rem 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 .7rem; }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 8px;
  padding: 1rem 1.1rem; margin-top: 1rem; }
.state { display: inline-block; margin: 0; padding: .1rem .7rem; border-radius: 1rem;
  font-weight: 600; color: var(--on); background: var(--bad); }
.state.good { background: var(--good); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .6rem 1.5rem; margin: 0; }
dt { color: var(--soft); font-size: .85em; }
dd { margin: 0; overflow-wrap: anywhere; }
pre { margin: 0; font: 13px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.failure { margin-top: 1rem; padding: .7rem .9rem; border-left: 4px solid var(--bad); background: var(--card); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--rule);
  vertical-align: top; white-space: nowrap; font-weight: 400; }
tr:first-child th { color: var(--soft); font-size: .85em; }
td.words { white-space: normal; }
td.number { font-variant-numeric: tabular-nums; }
table.figures { width: auto; } table.figures td, table.figures th { padding-top: .1rem; padding-bottom: .1rem; }
tr.good th { color: var(--good); font-weight: 600; }
tr.bad th { color: var(--bad); font-weight: 600; }
tr.why td { white-space: normal; padding-left: 1rem; }
.good { color: var(--good); } .bad { color: var(--bad); }
.state, .state.good { color: var(--on); }
.bytes { display: inline-block; height: .7em; margin-right: .5em; background: var(--send); border-radius: 2px; }
svg { display: block; width: 100%; min-width: 40rem; height: auto; }
svg text { font: 12px system-ui, -apple-system, "DejaVu Sans", sans-serif; fill: var(--ink); }
svg text.axis { fill: var(--soft); font-size: 11px; text-anchor: middle; }
svg text.axis.end { text-anchor: end; }
svg text.label { fill: var(--on); }
svg .rule { stroke: var(--rule); } svg .tick { stroke: var(--rule); stroke-dasharray: 2 3; }
svg polyline { fill: none; stroke: var(--switch); stroke-width: 1.4; stroke-linejoin: round; }
svg .lost { stroke: var(--bad); stroke-width: 2; }
.probe { margin: .2rem 0 .4rem; } .probe + .wide { margin-bottom: .8rem; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1rem; list-style: none; margin: .5rem 0 0; padding: 0;
  color: var(--soft); font-size: .85em; }
.legend i { display: inline-block; width: .9em; height: .9em; margin-right: .4em; border-radius: 2px;
  vertical-align: -.1em; background: var(--c); }
svg rect { fill: var(--c); }
.s-export, .s-install, .s-collectstatic, .s-build, .s-other { --c: var(--build); }
.s-pack, .s-layers, .s-write { --c: var(--build2); }
.s-ask, .s-lock, .s-prepare, .s-settle { --c: var(--look); }
.s-send { --c: var(--send); } .s-stage { --c: var(--stage); } .s-check { --c: var(--check); }
.s-migrate { --c: var(--migrate); } .s-switch { --c: var(--switch); } .s-back { --c: var(--back); }
.s-prune { --c: var(--prune); }
svg rect.failed { stroke: var(--bad); stroke-width: 2.5; fill-opacity: .75; }
.legend i.failed { border: 2px solid var(--bad); }
@media print { :root { --bg: #fff; --card: #fff; --ink: #000; --soft: #444; --rule: #bbb; --on: #fff;
  --good: #17703a; --bad: #b3261e; --build: #8b95a1; --build2: #a9b1ba; --look: #c3b37e; --send: #2f6fd0;
  --stage: #7a56c2; --check: #0f8a8a; --migrate: #b8730b; --switch: #17803d; --back: #b3261e; --prune: #9aa3ab; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; } section { break-inside: avoid; border-color: #bbb; }
  .wide { overflow: visible; } svg { min-width: 0; } body { font-size: 11pt; } }
"""
