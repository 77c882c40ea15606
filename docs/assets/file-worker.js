// Search in pages that were opened from a disk: browsers start no worker there, so its code runs in a hidden frame.
if (location.protocol === "file:") {
  window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super()
      this.waiting = []
      this.onmessage = this.onerror = null
      const frame = document.createElement("iframe")
      frame.hidden = true
      // A worker's postMessage goes to the page that started it; what the page sends comes by the frame's own.
      const call = "var receive = postMessage.bind(self);" +
        "postMessage = message => parent.postMessage({ from: name, message }, '*');"
      frame.name = "worker-" + Math.random().toString(36).slice(2)
      frame.srcdoc = `<script>${call}</script><script src="${new URL(url, location.href).href}"></script>`
      addEventListener("message", event => {
        if (event.source !== frame.contentWindow || event.data?.from !== frame.name) return
        const answer = new MessageEvent("message", { data: event.data.message })
        this.dispatchEvent(answer)
        this.onmessage?.(answer)
      })
      frame.addEventListener("load", () => {
        this.frame = frame
        this.waiting.splice(0).forEach(message => this.postMessage(message))
      })
      document.body.append(frame)
    }
    postMessage(message) {
      this.frame ? this.frame.contentWindow.receive(message, "*") : this.waiting.push(message)
    }
    terminate() {
      this.frame?.remove()
    }
  }
  window.Worker = window.IFrameWorker
}
