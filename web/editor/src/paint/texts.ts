import { texts } from '../text/text'

export const t = texts('paint', {
  title: ['Paint a mask', 'マスクを描く'],
  hint: ['Paint what is to be repainted. What stays bare is kept.', '描き直す部分を塗ってください。塗らない部分はそのまま残ります。'],
  close: ['Close', '閉じる'],
  loading: ['Loading the picture…', '画像を読み込み中…'],
  noPicture: ['The picture cannot be loaded.', '画像を読み込めません。'],
  noMask: ['The mask that was there cannot be read: this one begins empty.', '元のマスクを読み込めないため、空のマスクから始めます。'],
  stage: ['Picture and mask', '画像とマスク'],
  keys: [
    'Arrow keys move the cursor, with Shift by 8 pixels. Space or Enter paints there; with a rectangle, first one corner, then the other.',
    '矢印キーでカーソルを移動します（Shift で 8 ピクセルずつ）。Space か Enter で塗ります。四角形では、まず一方の角、次に反対の角を決めます。',
  ],

  tools: ['Tool', 'ツール'],
  brush: ['Brush', 'ブラシ'],
  eraser: ['Eraser', '消しゴム'],
  rectangle: ['Rectangle', '四角形'],
  cut: ['Erase area', '範囲を消す'],
  opposite: ['{tool} ({keys}). With Alt or the right button it does the opposite.', '{tool}（{keys}）。Alt キーか右ボタンで逆の動作になります。'],
  size: ['Size', 'サイズ'],
  sizeKeys: ['Size of the brush in pixels ([ and ])', 'ブラシのサイズ、ピクセル単位（[ と ]）'],
  undo: ['Undo', '元に戻す'],
  redo: ['Redo', 'やり直す'],

  mask: ['Whole mask', 'マスク全体'],
  invert: ['Invert', '反転'],
  clear: ['Clear', '消去'],
  fill: ['Fill', '塗りつぶす'],
  reach: ['Pixels', 'ピクセル数'],
  reachOf: ['Pixels to feather, grow or shrink by', 'ぼかし・拡張・縮小のピクセル数'],
  feather: ['Feather', 'ぼかす'],
  grow: ['Grow', '拡張'],
  shrink: ['Shrink', '縮小'],

  view: ['View', '表示'],
  nearer: ['Zoom in', '拡大'],
  farther: ['Zoom out', '縮小表示'],
  fit: ['Fit', '全体'],
  fitOf: ['Fit the picture to the window', '画像をウィンドウに合わせる'],
  only: ['Mask only', 'マスクのみ'],

  dimensions: ['{width} × {height} pixels', '{width} × {height} ピクセル'],
  painted: ['{share} painted', '{share} 塗り済み'],

  discard: ['Discard what you painted?', '描いた内容を破棄しますか？'],
  throwAway: ['Discard', '破棄'],
  stay: ['Keep painting', '続けて描く'],
  done: ['Done', '完了'],
  saving: ['Saving…', '保存中…'],
  failed: ['Not saved: {message}', '保存できませんでした：{message}'],
})
