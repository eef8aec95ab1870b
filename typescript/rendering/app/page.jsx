// This module is the server's: without "use client" of their own the hooks could not be imported here.
import * as hooks from "khala-client/react";
import { connection } from "next/server";
import { Page } from "../runs.jsx";

export default async function Home() {
  await connection();
  const { KHALA_URL: url, KHALA_TOKEN: token, KHALA_TOPIC: topic } = process.env;
  return (
    <>
      <Page url={url} token={token} topic={topic} />
      <p>hooks: {typeof hooks.useKhalaTopic}</p>
    </>
  );
}
