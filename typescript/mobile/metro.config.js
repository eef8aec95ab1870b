const { join } = require("node:path");
const { getDefaultConfig } = require("expo/metro-config");
const { FileStore } = require("@expo/metro/metro-cache");
const { khalaFile, isSister, root, sources } = require("./scripts/khala-client.cjs");

const config = getDefaultConfig(root);
config.watchFolders = [...config.watchFolders, sources];
config.cacheStores = [new FileStore({ root: join(root, "../../.cache/metro") })];
config.resolver.resolveRequest = (context, request, platform) => {
  const directory = join(context.originModulePath, "..");
  const filePath = khalaFile(request, directory);
  if (filePath !== null) {
    return { type: "sourceFile", filePath };
  }
  const origin = isSister(directory) ? join(root, "package.json") : context.originModulePath;
  return context.resolveRequest({ ...context, originModulePath: origin }, request, platform);
};
module.exports = config;
