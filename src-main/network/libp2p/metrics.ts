import type { Metrics, MultiaddrConnection } from '@libp2p/interface'

/** Totals of everything that crossed this node's sockets. */
export interface WireBytes {
  received: number
  sent: number
}

/** A libp2p metrics service that counts bytes and nothing else. */
export function countBytes(total: WireBytes): () => Metrics {
  const metric = {
    update() {},
    increment() {},
    decrement() {},
    reset() {},
    timer: () => () => {},
    observe() {},
  }
  const register = () => metric as never
  return () =>
    ({
      trackMultiaddrConnection(connection: MultiaddrConnection) {
        connection.addEventListener('message', ({ data }) => {
          total.received += data.byteLength
        })
        const send = connection.send.bind(connection)
        connection.send = (data) => {
          total.sent += data.byteLength
          return send(data)
        }
      },
      trackProtocolStream() {},
      registerMetric: register,
      registerMetricGroup: register,
      registerCounter: register,
      registerCounterGroup: register,
      registerHistogram: register,
      registerHistogramGroup: register,
      registerSummary: register,
      registerSummaryGroup: register,
      traceFunction: (_name: string, fn: never) => fn,
      createTrace: () => undefined,
    }) as unknown as Metrics
}
