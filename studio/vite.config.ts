// Builds the page into the crate that serves it, under names that stay.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

const server = process.env.MISORA_URL ?? "http://127.0.0.1:8080";
const proxied = {
  target: server,
  changeOrigin: true,
  // A server without keys answers to its own pages only.
  configure: (proxy: { on(event: "proxyReq", act: (request: { setHeader(name: string, value: string): void }) => void): void }) =>
    proxy.on("proxyReq", (request) => request.setHeader("origin", server)),
};

export default defineConfig({
  plugins: [svelte()],
  server: { proxy: { "/v1": proxied, "/health": proxied, "/openapi.json": proxied } },
  build: {
    outDir: process.env.STUDIO_OUT ?? "../crates/server/src/page",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      output: { entryFileNames: "studio.js", assetFileNames: "studio[extname]", inlineDynamicImports: true },
    },
  },
  test: { include: ["tests/unit/**/*.test.ts"] },
} as Parameters<typeof defineConfig>[0]);
