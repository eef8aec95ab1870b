/** What the build puts in; Metro replaces each by its value, where it is written like this. */
declare namespace NodeJS {
  interface ProcessEnv {
    readonly EXPO_PUBLIC_KHALA_SYNC_ENABLED?: string;
    readonly EXPO_PUBLIC_KHALA_SYNC_WS_URL?: string;
    readonly EXPO_PUBLIC_KHALA_SYNC_HTTP_URL?: string;
  }
}
