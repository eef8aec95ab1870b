// khala-client is taken from its sources, without building (or installing) it first: this says
// which file a request means, and where its own requests are resolved. For Metro and for Jest.

const { existsSync } = require("node:fs");
const { dirname, join, resolve, sep } = require("node:path");

const root = dirname(__dirname);
const packages = dirname(root);
const sources = join(packages, "khala-client/src");

/** The file for a request of a module in `directory`; null: resolve it as usual. */
function khalaFile(request, directory) {
  const [name, ...path] = request.split("/");
  if (name === "khala-client") {
    return `${join(sources, ...(path.length > 0 ? path : ["index"]))}.ts`;
  }
  if (request.startsWith(".") && isSister(directory)) {
    const file = resolve(directory, request.replace(/\.js$/, ".ts"));
    return existsSync(file) ? file : null;
  }
  return null;
}

/** Whether a directory is one of the other packages here: what they need is this one's. */
function isSister(directory) {
  const isHere = `${directory}${sep}`.startsWith(`${packages}${sep}`);
  return isHere && !`${directory}${sep}`.startsWith(`${root}${sep}`);
}

module.exports = { root, sources, khalaFile, isSister };
