"""How the page looks, and the few lines that copy its examples."""

STYLE = """
:root{--ink:#1d2430;--soft:#5b6675;--line:#dde2e9;--back:#fff;--tint:#f5f7fa;--link:#0a58a8;--code:#eef1f5;
--get:#0b6b3a;--post:#0a4f9e;--put:#8a5200;--delete:#a3222c}
@media (prefers-color-scheme:dark){:root{--ink:#e3e8ef;--soft:#9ba7b6;--line:#2e3643;--back:#12161d;--tint:#191f28;
--link:#7db8f5;--code:#222a35;--get:#67d193;--post:#7db8f5;--put:#e5ad5f;--delete:#f28b92}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem;-webkit-text-size-adjust:100%}
body{margin:0;display:grid;grid-template-columns:19rem minmax(0,1fr);color:var(--ink);background:var(--back);
font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
code,pre{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.86em}
code{background:var(--code);border-radius:4px;padding:.1em .3em}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1.2rem 1rem;background:var(--tint);
border-right:1px solid var(--line)}
nav .home{font-weight:700;font-size:1.15rem;color:var(--ink)}
nav a.dialect{display:block;margin:1.2rem 0 .3rem;font-weight:650;color:var(--ink)}
nav ul{list-style:none;margin:0;padding:0}
nav li a{display:flex;gap:.5rem;align-items:baseline;padding:.14rem 0;color:var(--soft);font-size:.85rem;
line-height:1.35}
nav li a:hover{color:var(--ink)}
nav li span{overflow-wrap:anywhere}
nav li b{flex:0 0 3.1rem;font-size:.64rem;text-align:right}
main{max-width:66rem;padding:1.5rem 2.2rem 6rem;min-width:0}
h1{font-size:1.9rem;line-height:1.2;margin:.2rem 0 .8rem}
h2{font-size:1.15rem;margin:2rem 0 .5rem}
h2.dialect{font-size:1.6rem;margin:3.5rem 0 .3rem;padding-top:1rem;border-top:3px solid var(--ink)}
h3{font-size:1rem;margin:0 0 .5rem;display:flex;flex-wrap:wrap;gap:.5rem;align-items:center}
h3 a{display:flex;gap:.6rem;align-items:baseline;color:inherit;min-width:0}
h3 code{font-size:1rem;background:none;padding:0;overflow-wrap:anywhere}
h4{font-size:.8rem;margin:1.3rem 0 .4rem;color:var(--soft);letter-spacing:.02em}
h4 span{font-weight:400}
b.get{color:var(--get)}b.post{color:var(--post)}b.put{color:var(--put)}b.delete{color:var(--delete)}
small{display:inline-block;font-size:.7rem;font-weight:500;color:var(--soft);border:1px solid var(--line);
border-radius:9px;padding:0 .45rem;line-height:1.5}
article{margin:2rem 0;padding-top:1.4rem;border-top:1px solid var(--line)}
.base{color:var(--soft);font-size:.88rem}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.35rem 1.2rem;margin:.6rem 0}dd{margin:0}
table{width:100%;border-collapse:collapse;font-size:.88rem;margin:.8rem 0;table-layout:fixed}
th{text-align:left;font-weight:600;color:var(--soft);font-size:.78rem;border-bottom:1px solid var(--line);
padding:.3rem .6rem .3rem 0}
td{vertical-align:top;padding:.45rem .8rem .45rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th:nth-child(1){width:24%}th:nth-child(2){width:25%}th:nth-child(4){width:21%}
.errors th:nth-child(1){width:9%}.errors th:nth-child(2){width:38%}.errors th:nth-child(3){width:auto}
td small{margin-left:.4rem}td i{color:var(--soft)}
td:nth-child(4){color:var(--soft)}
.copy{position:relative}
.copy button{position:absolute;top:.5rem;right:.5rem;font:inherit;font-size:.74rem;color:var(--soft);cursor:pointer;
background:var(--back);border:1px solid var(--line);border-radius:5px;padding:.1rem .5rem}
.copy button+button{right:6rem}
.copy button:hover,.copy button:focus-visible{color:var(--ink);border-color:var(--soft)}
pre{margin:0;padding:.8rem 1rem;background:var(--tint);border:1px solid var(--line);border-radius:7px;overflow:auto;
max-height:26rem;line-height:1.5;tab-size:2}
pre.curl{padding-top:2.4rem}
.copy pre{white-space:pre-wrap;overflow-wrap:anywhere}
:target>h3{background:linear-gradient(90deg,var(--code),transparent)}
@media (max-width:56rem){
body{display:block}
nav{position:static;height:auto;padding:.8rem 1rem;border:0;border-bottom:1px solid var(--line);display:flex;
flex-wrap:wrap;gap:.2rem 1rem;align-items:baseline}
nav ul{display:none}nav a.dialect{margin:0;font-weight:500;color:var(--link)}
main{padding:1rem 1rem 4rem}
h1{font-size:1.5rem}
dl{display:block}dt{margin-top:.6rem}
table,tbody,tr,td{display:block;width:100%}thead{display:none}
tr{padding:.6rem 0;border-bottom:1px solid var(--line)}td{border:0;padding:.1rem 0}
td:nth-child(4)::before{content:"becomes ";font-size:.78rem}
td:nth-child(4) code{margin-right:.2rem}
}
@media print{nav,button{display:none}body{display:block}pre{max-height:none}}
""".strip()
SCRIPT = """
document.addEventListener('click', async (event) => {
  const button = event.target.closest('.copy button');
  if (!button) return;
  const text = button.dataset.json ?? button.parentElement.querySelector('pre').textContent;
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = 'Copied';
  } catch {
    getSelection().selectAllChildren(button.parentElement.querySelector('pre'));
    button.textContent = 'Selected';
  }
  setTimeout(() => { button.textContent = label; }, 1500);
});
""".strip()
