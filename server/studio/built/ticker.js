setInterval(()=>postMessage(null),20);
