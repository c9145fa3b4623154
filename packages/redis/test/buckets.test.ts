import { createHash } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRedisCluster } from '@pikku/tooling/redis-cluster'
import type { RedisCluster } from '@pikku/tooling/redis-cluster'
import { bucketAt, bucketsOf } from '../src/buckets.ts'

const slots = 16_384

describe('the buckets of a prefix', () => {
  let cluster: RedisCluster
  let node: Redis
  beforeAll(async () => {
    cluster = await startRedisCluster()
    node = new Redis(cluster.masters[0]?.url ?? '')
  }, 60_000)
  afterAll(async () => {
    await node.quit()
    await cluster.dispose()
  })

  it.each([3, 7, 64, 1024])('%i of them share the slots evenly, as the server counts slots', async (count) => {
    const buckets = bucketsOf('workflows', count)
    const found = await Promise.all(buckets.map(({ root }) => node.call('cluster', 'keyslot', `${root}:run:a{b}`)))
    expect(found.map((slot) => Math.floor((Number(slot) * count) / slots))).toEqual([...Array(count).keys()])
  })

  it('the runs share the buckets evenly', () => {
    const buckets = bucketsOf('workflows', 64)
    const shares = buckets.map(() => 0)
    for (let n = 0; n < 64_000; n += 1) {
      const { index } = bucketAt(buckets, createHash('sha1').update(`${n}`).digest('hex'))
      shares[index] = (shares[index] ?? 0) + 1
    }
    expect(Math.min(...shares)).toBeGreaterThan(800)
    expect(Math.max(...shares)).toBeLessThan(1_200)
  })

  it('where a run lies never changes: what was written must be found', () => {
    const roots = [1, 64].map((count) => {
      const buckets = bucketsOf('workflows', count)
      return ['a', 'order-1', '日本 😀', '018f3c1e-7d7c-7000-8000-000000000001'].map((id) => bucketAt(buckets, id).root)
    })
    expect(roots).toMatchInlineSnapshot(`
      [
        [
          "workflows:{0}",
          "workflows:{0}",
          "workflows:{0}",
          "workflows:{0}",
        ],
        [
          "workflows:{342}",
          "workflows:{41}",
          "workflows:{51}",
          "workflows:{11}",
        ],
      ]
    `)
    expect(
      createHash('sha1')
        .update(JSON.stringify(bucketsOf('w', 64)))
        .digest('hex'),
    ).toMatchInlineSnapshot(`"1b847c2b431fdfd6d358503757bfc98de6447a3e"`)
  })
})
