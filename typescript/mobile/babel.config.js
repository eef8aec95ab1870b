/** Makes `import(…)` a `require` of a later turn: Jest's modules know no other. */
const laterRequire = ({ template }) => {
  const require = template.expression("Promise.resolve().then(() => require(SOURCE))");
  return {
    visitor: {
      CallExpression(path) {
        if (path.node.callee.type === "Import") {
          path.replaceWith(require({ SOURCE: path.node.arguments[0] }));
        }
      },
    },
  };
};

module.exports = (api) => ({
  presets: ["babel-preset-expo"],
  plugins: api.env("test") ? [laterRequire] : [],
});
