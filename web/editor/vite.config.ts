import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'
import { stamp } from './scripts/stamp.ts'

/** The bundle has fixed names and is committed, so that nobody who uses Diffuscope needs Node.js. */
export default defineConfig({
  plugins: [react(), stamp()],
  base: '/static/',
  publicDir: 'public',
  build: {
    outDir: '../static',
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      output: {
        entryFileNames: 'editor.js',
        chunkFileNames: '[name].js',
        assetFileNames: 'editor[extname]',
      },
    },
  },
  server: { proxy: { '/api': { target: 'http://127.0.0.1:8188', ws: true } } },
  test: { environment: 'node', include: ['src/**/*.test.ts', 'src/**/*.test.tsx'] },
})
