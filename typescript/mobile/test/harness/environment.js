// The environment of React Native's preset, which keeps Node's fetch and its steady clock: the
// presets replace both.

const ReactNativeEnvironment = require("@react-native/jest-preset/jest/react-native-env.js");

module.exports = class Environment extends ReactNativeEnvironment {
  constructor(...options) {
    super(...options);
    this.global.host = { fetch: globalThis.fetch, performance: globalThis.performance };
  }
};
