import { texts } from '../text/text'

export const t = texts('state', {
  noServer: ['The server does not answer. Your work is kept here; it goes on by itself when the server is back.', 'サーバーが応答しません。作業内容はここに保存されており、サーバーが戻りしだい自動で再開します。'],
  done: ['Done', '完了しました'],
  failed: ['The run failed', '実行に失敗しました'],
  goThere: ['Go there', 'その場所へ'],
})
