/** The old package and the maintained one have the same interface. */
declare module 'http-proxy-legacy' {
  export { default } from 'http-proxy'
}
