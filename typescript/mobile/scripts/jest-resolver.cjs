const { dirname } = require("node:path");
const { khalaFile, isSister, root } = require("./khala-client.cjs");

module.exports = (request, options) => {
  const basedir = options.basedir ?? dirname(root);
  return (
    khalaFile(request, basedir) ??
    options.defaultResolver(request, isSister(basedir) ? { ...options, basedir: root } : options)
  );
};
