import { texts } from '../text/text'

export const t = texts('look', {
  // a value
  loading: ['Loading…', '読み込み中…'],
  gone: [
    'This value is not kept any more. Run the workflow again to make it anew.',
    'この値はもう保存されていません。ワークフローをもう一度実行すると、再び作られます。',
  ],
  missing: ['Not there', 'なし'],
  again: ['Look again', '再読み込み'],
  failed: ['This cannot be shown: {why}', '表示できません: {why}'],
  views: ['Views', '表示方法'],
  params: ['How it is shown', '表示の設定'],
  numbers: ['Numbers', '数値'],
  onPicture: ['On the picture', '画像に重ねる'],
  linked: ['Same settings for all views of this kind', '同じ種類の表示で設定を揃える'],
  link: ['Linked', '連動'],
  facts: ['Facts', '詳細'],
  // params
  all: ['All', 'すべて'],
  automatic: ['automatic', '自動'],
  // facts
  madeBy: ['made by', '作成元'],
  seconds: ['seconds', '秒数'],
  bytes: ['bytes', 'バイト数'],
  type: ['type', '型'],
  key: ['key', 'キー'],
  part: ['part', '部分'],
  shape: ['shape', '形状'],
  dtype: ['numbers', '数値型'],
  min: ['min', '最小'],
  max: ['max', '最大'],
  mean: ['mean', '平均'],
  std: ['std', '標準偏差'],
  // tables and numbers
  table: ['Table: {title}', '表: {title}'],
  rows: ['{rows} rows', '{rows} 行'],
  showAll: ['Show all {rows} rows', '全 {rows} 行を表示'],
  cutOff: [
    '{rows} × {columns} numbers, of which the first {side} each way are shown',
    '{rows} × {columns} 個の数値のうち、縦横とも先頭の {side} 個を表示しています',
  ],
  noNumbers: ['There are no numbers behind this view.', 'この表示には元になる数値がありません。'],
  between: ['{low} to {high}', '{low} ~ {high}'],
  // zoom
  zoomKeys: [
    '{title}: arrows move, plus and minus zoom, 0 fits, 1 is one to one',
    '{title}: 矢印キーで移動、+ と − で拡大・縮小、0 で全体表示、1 で等倍',
  ],
  zoomIn: ['Zoom in', '拡大'],
  zoomOut: ['Zoom out', '縮小'],
  fit: ['Fit', '全体'],
  oneToOne: ['One to one', '等倍'],
  // a picture
  download: ['Download', 'ダウンロード'],
  copy: ['Copy the picture', '画像をコピー'],
  copied: ['Copied', 'コピーしました'],
  notCopied: ['Could not be copied', 'コピーできませんでした'],
  pixels: ['{width} × {height} pixels', '{width} × {height} ピクセル'],
  // a film
  film: ['Film strip', 'フィルムストリップ'],
  play: ['Play', '再生'],
  pause: ['Pause', '一時停止'],
  frame: ['Frame', 'コマ'],
  frameOf: ['{place} of {count}', '{place} / {count}'],
  // comparing
  divider: ['Divider', '境界線'],
  dividerAt: ['{share} % left', '左側 {share} %'],
  swap: ['Swap', '入れ替え'],
  difference: ['Difference', '差分'],
  gain: ['Gain', '倍率'],
  meanDifference: ['mean {mean} of 255', '平均 {mean} / 255'],
  left: ['Left', '左'],
  right: ['Right', '右'],
  // a sweep
  cellSize: ['Size', 'サイズ'],
  swapAxes: ['Swap rows and columns', '行と列を入れ替え'],
  rowAxis: ['Rows', '行'],
  columnAxis: ['Columns', '列'],
})
