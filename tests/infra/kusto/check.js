// Reads {tables: {name: columns}, queries: [text]} from standard input; writes for each query the faults that Kusto's own
// language service finds in it. The first argument is the folder in which `npm ci` ran.
const fs = require("fs");
const path = require("path");
const vm = require("vm");

const library = path.join(process.argv[2], "node_modules", "@kusto", "language-service-next");
for (const file of ["bridge.min.js", "Kusto.Language.Bridge.min.js"]) {
  vm.runInThisContext(fs.readFileSync(path.join(library, file), "utf8"), { filename: file });
}
const { GlobalState, KustoCode, Symbols } = globalThis.Kusto.Language;

function faults(query, known) {
  const found = KustoCode.ParseAndAnalyze(query, known).GetDiagnostics();
  return Array.from({ length: found.Count }, (_, index) => found.getItem(index))
    .map((fault) => `${fault.Code} ${fault.Message} (${query.slice(fault.Start, fault.Start + 40)})`);
}

const { tables, queries } = JSON.parse(fs.readFileSync(0, "utf8"));
const symbols = Object.entries(tables).map(([name, columns]) => Symbols.TableSymbol.From(`(${columns})`).WithName(name));
const known = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor("logs", symbols));
process.stdout.write(JSON.stringify(queries.map((query) => faults(query, known))));
