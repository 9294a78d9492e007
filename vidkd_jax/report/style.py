"""The style sheet of the report: one column on a phone, two on a screen, no network access."""

CSS = """
:root { --ink: #1e293b; --soft: #64748b; --line: #e2e8f0; --blue: #2563eb; --paper: #f8fafc; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { margin: 0; font-size: 1.7rem; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 0.25rem; font-size: 1.2rem; }
p { margin: 0.25rem 0 1rem; color: var(--soft); max-width: 46rem; }
p.warning { color: #92400e; background: #fffbeb; border: 1px solid #fde68a; border-radius: 10px;
  padding: 0.6rem 0.9rem; }
.cards { display: grid; gap: 0.75rem;
  grid-template-columns: repeat(auto-fill, minmax(9.75rem, 1fr)); }
.card, figure, .table, details { background: white; border: 1px solid var(--line);
  border-radius: 12px; }
.card { padding: 0.75rem 0.9rem; }
.card b { display: block; font-size: 1.3rem; line-height: 1.3; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.card span { display: block; color: var(--soft); font-size: 0.82rem; }
.card.first b { color: var(--blue); }
.card.name b { font-size: 1rem; white-space: normal; overflow-wrap: anywhere; }
.figures { display: grid; gap: 0.75rem; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
figure { margin: 0; padding: 0.75rem; }
figure img { display: block; width: 100%; height: auto; }
figure.wide { max-width: 48rem; }
figcaption { color: var(--soft); font-size: 0.82rem; padding: 0.25rem 0.25rem 0; }
.table { overflow: auto; max-height: 34rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.92rem;
  font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 0.4rem 0.9rem; border-bottom: 1px solid var(--line); }
th { position: sticky; top: 0; background: white; color: var(--soft); font-weight: 600;
  white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
td { overflow-wrap: anywhere; }
.bar { display: inline-block; width: 6rem; height: 0.55rem; margin-right: 0.6rem;
  border-radius: 9px; background: var(--line); overflow: hidden; vertical-align: middle; }
.bar i { display: block; height: 100%; background: var(--blue); }
details { margin-top: 0.75rem; padding: 0.6rem 0.9rem; }
summary { cursor: pointer; font-weight: 600; }
pre { overflow: auto; margin: 0.6rem 0 0; font: 0.82rem/1.5 ui-monospace, Menlo, monospace; }
@media (max-width: 30rem) { th, td { padding: 0.4rem 0.5rem; } .bar { width: 3rem; } }
"""
